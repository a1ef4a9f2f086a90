"""Pages of the support desk, inside the admin: for support and operators, nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
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
from portal.models import SupportRequest
from portal.support.desk import actions as deeds
from portal.support.desk import case as cases
from portal.support.desk import queue as queues
from portal.support.desk.charts import charts
from portal.support.desk.forms import AnswerForm, NoteForm, StateForm
from registries.failures import FAILURES
from registries.providers import PROVIDERS

STALE = "Somebody else was first: this has changed meanwhile, and is shown as it stands now."
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
        "orders": queues.ORDERS,
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
    row = _row(what, pk)
    if request.method == "POST":
        written = _act(request, row)
        if written is None:
            return redirect("desk:case", what, pk)
        return _show(request, _row(what, pk), written, status=422)
    return _show(request, row, {})


def _row(what: str, pk: uuid.UUID) -> Failure | SupportRequest:
    if what == "failure":
        return get_object_or_404(Failure.objects.select_related("organization"), pk=pk)
    return get_object_or_404(
        SupportRequest.objects.select_related("organization", "failure__organization", "user"), pk=pk
    )


def _show(
    request: HttpRequest, row: Failure | SupportRequest, written: dict[str, forms.Form], *, status: int = 200
) -> HttpResponse:
    """Show a case, with what was written and couldn't be taken."""
    deeds.see(row)  # before its messages are read: what comes after them makes it new again
    shown = cases.of_failure(request.user, row) if isinstance(row, Failure) else cases.of_request(request.user, row)
    if shown.failure is not None:
        deeds.look(request.user, shown.failure, saw_all=shown.whole)
    answer = written.get("answer_form") or (AnswerForm() if isinstance(row, SupportRequest) else None)
    if answer is not None:
        answer.initial["was"] = shown.last_said
    note = written.get("note_form") or NoteForm(initial={"note": row.note, "was": deeds.mark(row.note)})
    context = {"title": shown.title, "case": shown, "note_form": note, "answer_form": answer}
    return _render(request, "admin/desk/case.html", context, status=status)


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


def _act(request: HttpRequest, row: Failure | SupportRequest) -> dict[str, forms.Form] | None:
    """Do what was asked; return the form that couldn't be taken, as it was written, or None."""
    deed = request.POST.get("deed", "")
    if deed == "note":
        return _note(request, row, NoteForm(request.POST))
    if deed == "answer" and isinstance(row, SupportRequest):
        return _answer(request, row, AnswerForm(request.POST))
    state = StateForm(request.POST)
    if deed != "move" or not state.is_valid():
        messages.error(request, "That could not be done as it was sent. Nothing was saved.")
        return None
    try:
        deeds.move(request.user, row, **state.cleaned_data)
        messages.success(request, "Moved.")
    except Stale:
        messages.warning(request, f"{STALE} Nothing was moved.")
    return None


def _note(request: HttpRequest, row: Failure | SupportRequest, form: NoteForm) -> dict[str, forms.Form] | None:
    if not form.is_valid():
        return {"note_form": form}
    text = form.cleaned_data["note"]
    try:
        deeds.note(request.user, row, was=form.cleaned_data["was"], text=text)
    except Stale:
        row.refresh_from_db()
        messages.warning(request, f"{STALE} Your note is not saved yet: the field holds it, below the one that was.")
        return {"note_form": NoteForm(initial={"note": f"{row.note}\n\n{text}", "was": deeds.mark(row.note)})}
    messages.success(request, "The note is kept.")
    return None


def _answer(request: HttpRequest, row: SupportRequest, form: AnswerForm) -> dict[str, forms.Form] | None:
    if not form.is_valid():
        return {"answer_form": form}
    said = form.cleaned_data
    try:
        mailed = deeds.answer(request.user, row, was=said["was"], text=said["answer"], to=said["to"])
    except Stale:
        messages.warning(request, f"{STALE} Your answer is not sent yet: read what was said, then send it.")
        return {"answer_form": AnswerForm(initial=said)}
    if mailed is None:
        messages.success(request, "Answered.")
    elif mailed:
        messages.success(request, f"Answered, and mailed to {', '.join(mailed)}.")
    else:
        messages.warning(request, "Answered. No mail went out: the member reads it on the page.")
    return None


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


def _render(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    request.current_app = admin.site.name
    around = {**admin.site.each_context(request), "is_nav_sidebar_enabled": False}
    return render(request, template, {**around, **context}, status=status)
