"""An organization's activity as a page and as files: newest first, searched and filtered."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from groups.delivery.transfers import response_with
from portal.audit import export_slots
from portal.audit.download import Download
from portal.audit.export import MAX_EXPORT_ROWS, Format, as_csv, as_json_lines, build
from portal.audit.log import AREAS, lines
from portal.audit.search import Search
from portal.http.requests import MemberRequest
from portal.models import Activity, ActivityText
from registries.foundation.ids import OrganizationId

PAGE_SIZE = 50
HAS_LEFT = "waitress.client_disconnected"
"""Where the server gives a function that says whether the client has disconnected."""
MAX_ACTORS = 100
MAX_ROWS_FOR_ACTORS = 10_000
"""Newest rows whose actors one can search for. To find the actors of all rows takes long."""


@require_GET
@never_cache
def activity(request: MemberRequest, org: str) -> HttpResponse:
    """Show the rows that match the search."""
    search = Search.of(request.GET)
    page = Paginator(search.rows(request.organization.pk), PAGE_SIZE).get_page(request.GET.get("page"))
    query = search.query()
    context = {
        "page": page,
        "lines": lines(page, request.organization),
        "search": search,
        "areas": [(area, label, search.query(area=area)) for area, label in AREAS.items()],
        "all_areas": search.query(area=""),
        "actors": _actors(request.organization.pk),
        "max_export_rows": MAX_EXPORT_ROWS,
        "older": _older(search, request.organization.pk) if page.paginator.count > MAX_EXPORT_ROWS else "",
        "query": query,
        "keep": f"&{query}" if query else "",
    }
    return render(request, "portal/activity.html", context)


@require_GET
@never_cache
def export_csv(request: MemberRequest, org: str) -> FileResponse:
    """Download the newest rows that match the search, as CSV. Raises TooManyExports, ExportTooSlow,
    NoRoomForExport."""
    return _file(request, as_csv, "text/csv; charset=utf-8", "csv")


@require_GET
@never_cache
def export_json_lines(request: MemberRequest, org: str) -> FileResponse:
    """Download the newest rows that match the search, as lines of JSON. Raises TooManyExports, ExportTooSlow,
    NoRoomForExport."""
    return _file(request, as_json_lines, "application/jsonl; charset=utf-8", "jsonl")


def _older(search: Search, organization_id: OrganizationId) -> str:
    """The query for the rows that follow the newest MAX_EXPORT_ROWS, as an export has no more."""
    last = search.rows(organization_id).values_list("number", flat=True)[MAX_EXPORT_ROWS - 1]
    return search.query(before=str(last))


def _actors(organization_id: OrganizationId) -> QuerySet[ActivityText, str]:
    """The names of who acted in the newest rows."""
    newest = Activity.objects.filter(organization=organization_id).order_by("-number")[:MAX_ROWS_FOR_ACTORS]
    texts = ActivityText.objects.filter(activity__in=newest.values("pk"))
    return texts.order_by("actor_name").values_list("actor_name", flat=True).distinct()[:MAX_ACTORS]


def _file(request: MemberRequest, format: Format, media_type: str, extension: str) -> FileResponse:
    rows = Search.of(request.GET).rows(request.organization.pk)
    slot = export_slots.take(request.organization.pk)
    try:
        export = build(rows, format, has_left=request.META.get(HAS_LEFT, lambda: False))
    except BaseException:
        slot.release()
        raise
    body = Download(export.file, export.size, on_close=slot.release)
    part = f"-newest-{MAX_EXPORT_ROWS}" if export.is_cut else ""
    name = f"{request.organization.slug}-activity{part}.{extension}"
    response = response_with(body, media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Length"] = str(export.size)
    return response
