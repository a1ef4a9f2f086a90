"""The search of an organization: a page with what was found, and the same as a part of any page while one types."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.home.search import search as find

FEW = 5
MANY = 25
"""How many of a kind are shown below the frame's field, and on the page."""


@require_GET
@never_cache
def search(request: Any, org: str) -> HttpResponse:
    """What fits `q`. Scripts ask for the list alone, named by the element that it goes to."""
    few = request.htmx.target == "found"
    found = find(request.organization, request.role, request.GET.get("q", ""), most=FEW if few else MANY)
    context = {"found": found, "in_brief": few}
    response = render(request, "portal/found.html" if request.htmx else "portal/search.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
