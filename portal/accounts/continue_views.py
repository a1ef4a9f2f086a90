"""The page after a fresh sign-in that sends the form for which it was needed."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.accounts import kept_forms


@require_GET
@never_cache
@login_required
def continue_form(request: HttpRequest) -> HttpResponse:
    """Show the kept form of this address with a button that sends it. Without one, go to the start page."""
    kept = kept_forms.find(request, request.get_full_path())
    if kept is None:
        return redirect("portal:home")
    return render(request, "account/continue.html", {"kept": kept})
