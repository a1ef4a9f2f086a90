"""An organization's activity as a page and as files: newest first, searched and filtered."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.audit.export import as_csv, as_json_lines
from portal.audit.log import AREAS, lines
from portal.audit.search import Search
from portal.http.requests import MemberRequest
from portal.models import Activity

PAGE_SIZE = 50
MAX_ACTORS = 100


@require_GET
@never_cache
def activity(request: MemberRequest, org: str) -> HttpResponse:
    """Show the rows that match the search."""
    search = Search.of(request.GET)
    page = Paginator(search.rows(request.organization.pk), PAGE_SIZE).get_page(request.GET.get("page"))
    named = Activity.objects.filter(organization=request.organization, text__isnull=False)
    query = search.query()
    context = {
        "page": page,
        "lines": lines(page, request.organization),
        "search": search,
        "areas": [(area, label, search.query(area=area)) for area, label in AREAS.items()],
        "all_areas": search.query(area=""),
        "actors": named.order_by("text__actor_name").values_list("text__actor_name", flat=True).distinct()[:MAX_ACTORS],
        "query": query,
        "keep": f"&{query}" if query else "",
    }
    return render(request, "portal/activity.html", context)


@require_GET
@never_cache
def export_csv(request: MemberRequest, org: str) -> StreamingHttpResponse:
    """Download the rows that match the search, as CSV."""
    return _file(request, as_csv(_rows(request)), "text/csv; charset=utf-8", "csv")


@require_GET
@never_cache
def export_json_lines(request: MemberRequest, org: str) -> StreamingHttpResponse:
    """Download the rows that match the search, as lines of JSON."""
    return _file(request, as_json_lines(_rows(request)), "application/jsonl; charset=utf-8", "jsonl")


def _rows(request: MemberRequest) -> QuerySet[Activity]:
    return Search.of(request.GET).rows(request.organization.pk)


def _file(request: MemberRequest, lines: Iterator[str], media_type: str, extension: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{request.organization.slug}-activity.{extension}"'
    return response
