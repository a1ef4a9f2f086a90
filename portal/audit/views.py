"""The audit log of an organization as a page: newest first, filtered by area and person."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.activity import AREAS, lines, of_organization
from portal.models import Activity

PAGE_SIZE = 50


@require_GET
@never_cache
def activity(request: Any, org: str) -> HttpResponse:
    """What was done here, by whom."""
    rows = of_organization(request.organization.pk)
    area = request.GET.get("area", "")
    who = request.GET.get("who", "").strip()[:254].replace("\0", "")
    if area in AREAS:
        rows = rows.filter(action__startswith=f"{area}.")
    else:
        area = ""
    if who:
        rows = rows.filter(text__actor_name=who)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    actors = Activity.objects.filter(organization=request.organization, text__isnull=False).order_by("text__actor_name")
    kept = urlencode({name: value for name, value in (("area", area), ("who", who)) if value})
    context = {
        "page": page,
        "lines": lines(page, request.organization),
        "areas": AREAS.items(),
        "area": area,
        "who": who,
        "actors": actors.values_list("text__actor_name", flat=True).distinct()[:100],
        "keep": f"&{kept}" if kept else "",
    }
    return render(request, "portal/activity.html", context)
