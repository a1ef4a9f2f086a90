"""Pages of the support desk, inside the admin: for support and operators, nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from groups import outages
from groups.models import Failure
from groups.states import Stale
from portal.desk import case as cases
from portal.desk import deeds
from portal.desk import queue as queues
from portal.desk.charts import charts
from portal.desk.forms import AnswerForm, NoteForm, StateForm
from portal.models import SupportRequest
from registries.failures import FAILURES
from registries.providers import PROVIDERS

STALE = "Somebody else was first: this has changed meanwhile. It is shown as it stands now; nothing of yours was saved."
MODELS: dict[str, type[Failure] | type[SupportRequest]] = {"failure": Failure, "request": SupportRequest}


def desk_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Return the view as support sees it: strangers sign in first, other staff get 403."""

    @never_cache
    @wraps(view)
    def gated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm("portal.view_supportrequest"):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return admin.site.admin_view(gated)


@desk_page
@require_http_methods(["GET", "POST"])
def queue(request: HttpRequest) -> HttpResponse:
    """The queue with its filters, below the charts. A POST moves the chosen cases on."""
    if request.method == "POST":
        return _move_chosen(request)
    asked = queues.Asked.read(request.GET.dict())
    context = {
        **_pulse(request),
        "title": "Support desk",
        "queue": queues.read(request.user, asked),
        "states": queues.STATES,
        "what": queues.WHAT,
        "ages": queues.AGES,
        "kinds": [(provider.kind, provider.name) for provider in PROVIDERS.values()],
        "codes": sorted(FAILURES),
        "organizations": queues.organizations(request.user),
        "address": _address(request),
    }
    return _render(request, "admin/desk/queue.html", context)


@desk_page
@require_GET
def pulse(request: HttpRequest) -> HttpResponse:
    """Warnings and charts alone, for the page that watches them."""
    return render(request, "admin/desk/pulse.html", _pulse(request))


@desk_page
@require_http_methods(["GET", "POST"])
def case(request: HttpRequest, what: str, pk: uuid.UUID) -> HttpResponse:
    """One failure or request. Opening it marks it seen, and tells the member who looked."""
    if what not in MODELS:
        raise Http404
    row: Failure | SupportRequest = (
        get_object_or_404(Failure.objects.select_related("organization"), pk=pk)
        if what == "failure"
        else get_object_or_404(
            SupportRequest.objects.select_related("organization", "failure__organization", "user", "answered_by"), pk=pk
        )
    )
    if request.method == "POST":
        return _act(request, what, row)
    shown = cases.of_failure(request.user, row) if isinstance(row, Failure) else cases.of_request(request.user, row)
    if shown.failure is not None:
        deeds.look(request.user, shown.failure, saw_all=shown.whole)
    deeds.see(row)
    context = {
        "title": shown.title,
        "case": shown,
        "note_form": NoteForm(initial={"note": row.note, "was": deeds.mark(row.note)}),
        "answer_form": AnswerForm(initial={"answer": row.answer, "was": deeds.mark(row.answer)})
        if isinstance(row, SupportRequest)
        else None,
    }
    return _render(request, "admin/desk/case.html", context)


def _pulse(request: HttpRequest) -> dict[str, Any]:
    chosen = request.GET.get("span", "")
    name = chosen if chosen in outages.SPANS else "hours"
    span = outages.SPANS[name]
    return {
        "span": name,
        "spans": {each: span.words.partition(",")[0] for each, span in outages.SPANS.items()},
        "charts": charts(outages.series(span), span),
        "outages": outages.outages(),
    }


def _act(request: HttpRequest, what: str, row: Any) -> HttpResponse:
    deed = request.POST.get("deed", "")
    try:
        if deed == "move" and (state := StateForm(request.POST)).is_valid():
            deeds.move(request.user, row, **state.cleaned_data)
            messages.success(request, "Moved.")
        elif deed == "note" and (note := NoteForm(request.POST)).is_valid():
            deeds.note(request.user, row, was=note.cleaned_data["was"], text=note.cleaned_data["note"])
            messages.success(request, "The note is kept.")
        elif deed == "answer" and what == "request" and (answer := AnswerForm(request.POST)).is_valid():
            _answer(request, row, answer.cleaned_data)
        else:
            messages.error(request, "That could not be done as it was sent. Nothing was saved.")
    except Stale:
        messages.warning(request, STALE)
    return redirect("desk:case", what, row.pk)


def _answer(request: HttpRequest, row: SupportRequest, said: dict[str, str]) -> None:
    mailed = deeds.answer(request.user, row, was=said["was"], text=said["answer"], to=said["to"])
    if mailed:
        messages.success(request, f"Answered, and mailed to {row.user}.")
    else:
        messages.warning(request, "Answered. No mail went out: the member reads it on the page.")


def _move_chosen(request: HttpRequest) -> HttpResponse:
    """Move many on, each from the state in which it was shown."""
    to = request.POST.get("to", "")
    if to not in (queues.State.SEEN, queues.State.WAITING, queues.State.SOLVED):
        messages.error(request, "Choose a state.")
        return HttpResponseRedirect(_address(request))
    chosen = request.POST.getlist("case")[: queues.PER_PAGE * 2]
    moved = 0
    for text in chosen:
        what, _, rest = text.partition(":")
        key, _, was = rest.partition(":")
        try:
            row = MODELS[what].objects.filter(pk=uuid.UUID(key)).first()
            if row is not None and was != to:
                deeds.move(request.user, row, was=was, to=to)
                moved += 1
        except (KeyError, ValueError, Stale):
            continue
    said = messages.success if moved else messages.warning
    said(request, f"Moved {moved} of {len(chosen)}.")
    return HttpResponseRedirect(_address(request))


def _address(request: HttpRequest) -> str:
    """The queue as it is filtered, without the page."""
    asked = {name: value for name, value in request.GET.dict().items() if name != "page" and value}
    return f"{reverse('desk:queue')}?{urlencode(asked)}"


def _render(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = admin.site.name
    return render(request, template, {**admin.site.each_context(request), "is_nav_sidebar_enabled": False, **context})
