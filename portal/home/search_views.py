"""The search of an organization: a page of results, and a list of them below the search field while one types."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.home.search import search as find
from portal.http.requests import MemberRequest

MAX_BELOW_FIELD = 5
MAX_ON_PAGE = 25
"""How many results of a kind are shown below the search field, and on the page."""


@require_GET
@never_cache
def search(request: MemberRequest, org: str) -> HttpResponse:
    """Show what matches `q`. htmx requests only the list, and names the element that it is for."""
    in_brief = request.htmx.target == "found"
    limit = MAX_BELOW_FIELD if in_brief else MAX_ON_PAGE
    found = find(request.organization, request.role, request.GET.get("q", ""), limit=limit)
    context = {"found": found, "in_brief": in_brief}
    response = render(request, "portal/found.html" if request.htmx else "portal/search.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
