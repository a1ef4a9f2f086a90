"""Pages of the support desk, inside the admin: for support and operators, nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from groups.models import Failure
from groups.queries import failure_series
from groups.queries.outages import current_outages
from groups.rules.states import Stale
from portal.http.requests import StaffRequest
from portal.models import FailureCase, SupportCase, SupportRequest
from portal.support import conversations
from portal.support.desk import actions
from portal.support.desk import case as cases
from portal.support.desk import filters as queue_filters
from portal.support.desk.charts import charts
from portal.support.desk.filters import Filters
from portal.support.desk.forms import AnswerForm, NoteForm, StateForm
from portal.support.desk.queue import PER_PAGE, read_queue
from portal.support.mails import mail_answer
from registries.failures import FAILURES
from registries.providers import PROVIDERS

P = ParamSpec("P")
STALE = "This case changed since you opened the page. Here is its current state."
CASES = ("failure", "request")


def desk_page(view: Callable[Concatenate[StaffRequest, P], HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Make a view a page of the desk: visitors sign in first, staff other than support and operators get 403."""

    @never_cache
    @wraps(view)
    def gated(request: StaffRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.has_perm("portal.view_supportrequest"):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return admin.site.admin_view(gated)


@desk_page
@require_http_methods(["GET", "POST"])
def queue(request: StaffRequest) -> HttpResponse:
    """The queue with its filters, below the charts. A POST moves the chosen cases to another state."""
    if request.method == "POST":
        return _move_chosen(request)
    context = {
        **_pulse(request),
        "title": "Support desk",
        "queue": read_queue(request.user, Filters.from_query(request.GET.dict())),
        "states": queue_filters.STATES,
        "what": queue_filters.WHAT,
        "ages": queue_filters.AGES,
        "orders": queue_filters.ORDERS,
        "kinds": [(provider.kind, provider.name) for provider in PROVIDERS.values()],
        "codes": sorted(FAILURES),
        "organizations": queue_filters.organization_slugs(request.user),
        "address": _address(request),
    }
    return _render(request, "admin/desk/queue.html", context)


@desk_page
@require_GET
def pulse(request: StaffRequest) -> HttpResponse:
    """Warnings and charts only, for the page that polls them."""
    return render(request, "admin/desk/pulse.html", _pulse(request))


@desk_page
@require_http_methods(["GET", "POST"])
def case(request: StaffRequest, what: str, pk: uuid.UUID) -> HttpResponse:
    """One failure or request. Opening it marks it seen, and the member sees who viewed the failure."""
    if what not in CASES:
        raise Http404
    row = _case(what, pk)
    if request.method == "POST":
        rejected = _act(request, row)
        if rejected is None:
            return redirect("desk:case", what, pk)
        return _show(request, _case(what, pk), rejected, status=422)
    return _show(request, row, {})


def _case(what: str, pk: uuid.UUID) -> FailureCase | SupportRequest:
    """The case of a failure, by the failure's key, unsaved until support first changes it; or a request."""
    if what == "request":
        rows = SupportRequest.objects.select_related("organization", "failure__organization", "user")
        return get_object_or_404(rows, pk=pk)
    failure = get_object_or_404(Failure.objects.select_related("organization", "support_case"), pk=pk)
    return getattr(failure, "support_case", None) or FailureCase(failure=failure)


def _show(
    request: StaffRequest, row: FailureCase | SupportRequest, rejected: dict[str, forms.Form], *, status: int = 200
) -> HttpResponse:
    """Show a case, with a rejected form as it was typed."""
    actions.mark_seen(row, by=request.actor)  # before reading messages: a later one makes it new again
    if isinstance(row, SupportRequest):
        shown = cases.of_request(request.user, row)
    else:
        shown = cases.of_failure(request.user, row)
    if shown.failure is not None:
        actions.log_view(shown.failure, by=request.actor, saw_all=shown.whole)
    answer = rejected.get("answer_form") or (AnswerForm() if isinstance(row, SupportRequest) else None)
    if answer is not None:
        answer.initial["was"] = shown.last_message_key
    note = rejected.get("note_form") or NoteForm(initial={"note": row.note, "was": actions.digest_of(row.note)})
    context = {"title": shown.title, "page": shown, "note_form": note, "answer_form": answer}
    return _render(request, "admin/desk/case.html", context, status=status)


def _pulse(request: StaffRequest) -> dict[str, object]:
    chosen = request.GET.get("span", "")
    name = chosen if chosen in failure_series.SPANS else "hours"
    span = failure_series.SPANS[name]
    return {
        "span": name,
        "spans": {key: span.words.partition(",")[0] for key, span in failure_series.SPANS.items()},
        "charts": charts(failure_series.series(span), span),
        "outages": current_outages(names_hosts=False),
    }


def _act(request: StaffRequest, row: FailureCase | SupportRequest) -> dict[str, forms.Form] | None:
    """Do what the form asks for. Returns the form that was rejected, as it was typed, or None."""
    action = request.POST.get("action", "")
    if action == "note":
        return _note(request, row, NoteForm(request.POST))
    if action == "answer" and isinstance(row, SupportRequest):
        return _answer(request, row, AnswerForm(request.POST))
    state = StateForm(request.POST)
    if action != "move" or not state.is_valid():
        messages.error(request, "That could not be done as it was sent. Nothing was saved.")
        return None
    try:
        actions.move(row, by=request.actor, was=state.cleaned_data["was"], to=state.cleaned_data["to"])
        messages.success(request, "Moved.")
    except Stale:
        messages.warning(request, f"{STALE} Nothing was moved.")
    return None


def _note(request: StaffRequest, row: FailureCase | SupportRequest, form: NoteForm) -> dict[str, forms.Form] | None:
    if not form.is_valid():
        return {"note_form": form}
    text = form.cleaned_data["note"]
    try:
        actions.note(row, by=request.actor, was=form.cleaned_data["was"], text=text)
    except Stale:
        row = _case("request" if isinstance(row, SupportRequest) else "failure", row.pk)
        messages.warning(request, f"{STALE} Your note is not saved yet: the field holds it, below the one that was.")
        return {"note_form": NoteForm(initial={"note": f"{row.note}\n\n{text}", "was": actions.digest_of(row.note)})}
    messages.success(request, "Note saved.")
    return None


def _answer(request: StaffRequest, row: SupportRequest, form: AnswerForm) -> dict[str, forms.Form] | None:
    if not form.is_valid():
        return {"answer_form": form}
    typed = form.cleaned_data
    try:
        message = conversations.answer(row, by=request.actor, was=typed["was"], text=typed["answer"], to=typed["to"])
    except Stale:
        messages.warning(request, f"{STALE} Your answer is not sent yet: read what was said, then send it.")
        return {"answer_form": AnswerForm(initial=typed)}
    if message is None:
        messages.success(request, "Answered.")
    elif mailed := mail_answer(row, message):
        messages.success(request, f"Answered, and mailed to {', '.join(mailed)}.")
    elif settings.PORTAL_PRINTS_MAIL:
        messages.warning(request, "Answered. This portal has no mail server: the email is printed on its console.")
    else:
        messages.warning(request, "Answered. No email was sent: the member reads the answer on the page.")
    return None


def _move_chosen(request: StaffRequest) -> HttpResponse:
    """Move many cases to a state, each from the state in which it was shown."""
    to = request.POST.get("to", "")
    if to not in (SupportCase.State.SEEN, SupportCase.State.WAITING, SupportCase.State.SOLVED):
        messages.error(request, "Choose a state.")
        return HttpResponseRedirect(_address(request))
    chosen = request.POST.getlist("case")[: PER_PAGE * 2]
    moved = 0
    for text in chosen:
        what, _, rest = text.partition(":")
        key, _, was = rest.partition(":")
        if what not in CASES or was == to:
            continue
        try:
            actions.move(_case(what, uuid.UUID(key)), by=request.actor, was=was, to=to)
            moved += 1
        except (Http404, ValueError, Stale):
            continue
    show = messages.success if moved else messages.warning
    show(request, f"Moved {moved} of {len(chosen)}.")
    return HttpResponseRedirect(_address(request))


def _address(request: StaffRequest) -> str:
    """The address of the queue with its filters, without the page."""
    query = {name: value for name, value in request.GET.dict().items() if name != "page" and value}
    return f"{reverse('desk:queue')}?{urlencode(query)}"


def _render(request: StaffRequest, template: str, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    request.current_app = admin.site.name
    shared = {**admin.site.each_context(request), "is_nav_sidebar_enabled": False}
    return render(request, template, {**shared, **context}, status=status)
