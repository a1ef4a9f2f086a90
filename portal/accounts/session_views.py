"""The page of one's sessions: which browsers are signed in, and signing them out."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from portal.accounts import browser_sessions, session_actions
from portal.accounts.session_epoch import keep_session
from portal.accounts.session_limits import limits_of
from portal.accounts.signed_in import person_of
from portal.http.actors import actor_of
from portal.models import BrowserSession
from registries.foundation.refusal import shows_refusal
from registries.secrets.session_data import row_key


def _to_list(request: HttpRequest, /) -> HttpResponse:
    return redirect("account_sessions")


@require_GET
@never_cache
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """List the browsers in which this person is signed in."""
    person = person_of(request)
    own = _own_row_key(request)
    browser_sessions.note(request, person)
    limits = limits_of(person, is_kept=False)
    context = {
        "browsers": browser_sessions.listed(person, own_row_key=own),
        "own_row_key": own,
        "idle": limits.idle,
        "absolute": limits.absolute,
        "kept": limits_of(person, is_kept=True).absolute,
    }
    return render(request, "account/sessions.html", context)


@require_POST
@login_required
def end(request: HttpRequest, browser: uuid.UUID) -> HttpResponse:
    """Sign out another browser."""
    row = get_object_or_404(BrowserSession, pk=browser, person=person_of(request))
    if row.row_key == _own_row_key(request):
        return redirect("account_logout")
    if session_actions.end_session(row, by=actor_of(request)):
        messages.success(request, f"{row.device} was signed out.")
    return _to_list(request)


@login_required
@require_POST
@shows_refusal(_to_list)
def end_others(request: HttpRequest, /) -> HttpResponse:
    """Sign out all other browsers."""
    person = person_of(request)
    session_actions.end_all_sessions(person, own_row_key=_own_row_key(request), by=actor_of(request))
    keep_session(request)
    messages.success(request, "All other browsers were signed out.")
    return _to_list(request)


def _own_row_key(request: HttpRequest) -> str:
    return row_key(request.session.session_key or "")
