"""Support as members see it: what they asked, asking, and a page for each conversation.

Viewers can read. What a member typed stays on the page if it was refused.
"""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from groups.models import Failure
from groups.rules.states import Stale
from portal.http.requests import MemberRequest
from portal.models import SupportRequest
from portal.support import consent, conversations, readers
from portal.support.forms import ReplyForm, SupportForm
from portal.support.mails import mail_question
from portal.support.queries import last_text

Kind = SupportRequest.Kind
PAGE_SIZE = 20


@require_GET
@never_cache
def support(request: MemberRequest, org: str) -> HttpResponse:
    """The list of conversations, and a form to ask."""
    if request.GET.keys() & {"failure", "kind"}:  # where the form was before
        return redirect(f"{reverse('portal:ask', args=[org])}?{request.GET.urlencode()}")
    return _list(request, SupportForm(wants_registry=False))


@require_http_methods(["GET", "POST"])
@never_cache
def ask(request: MemberRequest, org: str) -> HttpResponse:
    """Ask support, with a failure attached where the address names one."""
    failure = _failure(request)
    wants_registry = failure is None and request.GET.get("kind") == Kind.REGISTRY
    form = SupportForm(
        request.POST if request.method == "POST" else None,
        wants_registry=wants_registry,
        about_failure=failure is not None,
    )
    if not form.is_valid():
        return _list(request, form, failure=failure, wants_registry=wants_registry, asks=True)
    try:
        asked = conversations.ask(
            request.organization,
            by=request.actor,
            kind=Kind.FAILURE if failure else Kind.REGISTRY if wants_registry else Kind.OTHER,
            failure=failure,
            registry=form.cleaned_data.get("registry", ""),
            message=form.cleaned_data["message"],
            shares=form.cleaned_data.get("shares", False),
        )
    except conversations.TooManyAsked as refusal:
        form.add_error(None, refusal.message)
        return _list(request, form, failure=failure, wants_registry=wants_registry, asks=True)
    except conversations.AskedAlready as refusal:
        asked = refusal.request
    else:
        mail_question(asked, form.cleaned_data["message"], author=request.user, again=False)
    messages.success(request, "Support has your message. The answer appears on this page.")
    return redirect(_address(asked))


@require_GET
@never_cache
def conversation(request: MemberRequest, org: str, asked: uuid.UUID) -> HttpResponse:
    """One conversation. Opening it marks it read."""
    row = _row(request, asked)
    readers.mark_read(row, request.user)
    return _page(request, row, ReplyForm())


@require_POST
@never_cache
def reply(request: MemberRequest, org: str, asked: uuid.UUID) -> HttpResponse:
    """Reply in a conversation."""
    row = _row(request, asked)
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return _page(request, row, form)
    text = form.cleaned_data["message"]
    try:
        is_new = conversations.reply(row, by=request.actor, text=text)
    except conversations.ConversationFull as refusal:
        form.add_error(refusal.field, refusal.message)
        return _page(request, row, form)
    if is_new:
        mail_question(row, text, author=request.user, again=True)
    messages.success(request, "Sent. Support will answer here.")
    return redirect(_address(row))


@require_POST
def solve(request: MemberRequest, org: str, asked: uuid.UUID) -> HttpResponse:
    """Mark a conversation solved."""
    row = _row(request, asked)
    try:
        conversations.solve(row, by=request.actor, was=_state(request.POST.get("was", "")))
    except Stale:
        messages.info(request, "This conversation changed since you opened the page. Here is its current state.")
    else:
        messages.success(request, "Solved. Reply to reopen.")
    return redirect(_address(row))


@require_POST
def share(request: MemberRequest, org: str, asked: uuid.UUID) -> HttpResponse:
    """Share the failure that the conversation is about with support."""
    row = _row(request, asked)
    if consent.share(row, by=request.actor):
        messages.success(request, "Support sees all of this failure now, never a secret. You can take it back here.")
    return redirect(_address(row))


@require_POST
def unshare(request: MemberRequest, org: str, asked: uuid.UUID) -> HttpResponse:
    """Stop sharing the failure that the conversation is about."""
    row = _row(request, asked)
    if row.failure is not None:
        _stop_sharing(request, row.failure)
    return redirect(_address(row))


@require_POST
def stop_sharing(request: MemberRequest, org: str) -> HttpResponse:
    """Stop sharing a failure, from its own page."""
    failure = _failure(request)
    if failure is not None:
        _stop_sharing(request, failure)
    if failure is None or failure.group is None:
        return redirect("portal:support", org)
    return redirect("groups:failure", org, failure.group.project.slug, failure.group.name, failure.pk)


def _stop_sharing(request: MemberRequest, failure: Failure) -> None:
    if consent.stop_sharing(failure, by=request.actor):
        messages.success(request, "Support sees no more of this failure than its code, step, kind and times.")


def _list(request: MemberRequest, form: SupportForm, **context: object) -> HttpResponse:
    rows = SupportRequest.objects.filter(organization=request.organization).select_related("user", "failure")
    rows = rows.annotate(last_message=last_text()).order_by("-asked_at")
    shown = {
        "form": form,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "unread": set(readers.unread(request.organization.pk, request.user).values_list("pk", flat=True)),
        **context,
    }
    return render(request, "portal/support.html", shown, status=422 if form.is_bound else 200)


def _page(request: MemberRequest, row: SupportRequest, form: ReplyForm) -> HttpResponse:
    failure = row.failure
    context = {
        "asked": row,
        "thread": row.messages.select_related("author"),
        "form": form,
        "shared": failure is not None and consent.is_shared(failure),
    }
    return render(request, "portal/conversation.html", context, status=422 if form.is_bound else 200)


def _row(request: MemberRequest, pk: uuid.UUID) -> SupportRequest:
    rows = SupportRequest.objects.select_related("organization", "user", "failure__group__project")
    return get_object_or_404(rows, organization=request.organization, pk=pk)


def _address(row: SupportRequest) -> str:
    return reverse("portal:conversation", args=[row.organization.slug, row.pk])


def _state(text: str) -> str:
    """A known state, or an empty text."""
    return text if text in SupportRequest.State.values else ""


def _failure(request: MemberRequest) -> Failure | None:
    text = request.GET.get("failure")
    if not text:
        return None
    try:
        pk = uuid.UUID(text)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(Failure.objects.select_related("group__project"), organization=request.organization, pk=pk)
