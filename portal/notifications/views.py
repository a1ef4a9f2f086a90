"""Pages of notifications: one's own e-mails, the organization's webhooks, and what was sent to one."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.models import EmailChoice, Notice, Webhook
from portal.notifications import webhooks
from portal.notifications.choices import wanted
from portal.notifications.forms import EmailForm, WebhookForm

PAGE_SIZE = 30


@require_http_methods(["GET", "POST"])
@never_cache
def notifications(request: Any, org: str) -> HttpResponse:
    """What I hear of by e-mail, and where the organization's webhooks go."""
    form = _email_form(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        EmailChoice.objects.update_or_create(
            organization=request.organization, user=request.user, defaults={"wanted": form.wanted}
        )
        messages.success(request, "Your e-mails are chosen.")
        return redirect("portal:notifications", org)
    return _page(request, form, WebhookForm())


@require_POST
@never_cache
def add_webhook(request: Any, org: str) -> HttpResponse:
    """Add a webhook. Its secret is on the page that answers, this once."""
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            row, secret = webhooks.add(request.organization, created_by=request.user, **form.cleaned_data)
        except webhooks.TooManyWebhooks:
            form.add_error(None, f"An organization has at most {webhooks.MAX_WEBHOOKS} webhooks. Delete one first.")
        else:
            _record(request, row, "added")
            return _detail(request, row, WebhookForm(initial=_initial(row)), secret=secret)
    return _page(request, _email_form(request), form)


@require_http_methods(["GET", "POST"])
@never_cache
def webhook(request: Any, org: str, webhook: uuid.UUID) -> HttpResponse:
    """One webhook: where it goes, what was sent, and changing it."""
    row = _webhook(request, webhook)
    form = WebhookForm(request.POST if request.method == "POST" else None, initial=_initial(row))
    if form.is_valid():
        webhooks.change(row, **form.cleaned_data)
        _record(request, row, "changed")
        messages.success(request, "The webhook is changed.")
        return redirect("portal:webhook", org, row.pk)
    return _detail(request, row, form)


@require_POST
@never_cache
def rotate(request: Any, org: str, webhook: uuid.UUID) -> HttpResponse:
    """Give it a new secret, shown once."""
    row = _webhook(request, webhook)
    secret = webhooks.rotate(row)
    _record(request, row, "new secret")
    row.refresh_from_db()
    return _detail(request, row, WebhookForm(initial=_initial(row)), secret=secret)


@require_POST
def test(request: Any, org: str, webhook: uuid.UUID) -> HttpResponse:
    """Send a test there."""
    row = _webhook(request, webhook)
    webhooks.test(row)
    messages.success(request, "A test is on its way. Its answer appears below.")
    return redirect("portal:webhook", org, row.pk)


@require_POST
def switch(request: Any, org: str, webhook: uuid.UUID) -> HttpResponse:
    """Pause it, or switch it on again."""
    row = _webhook(request, webhook)
    done = webhooks.pause(row) if row.off_since is None else webhooks.resume(row)
    if done:
        _record(request, row, "paused" if row.off_since is None else "switched on")
    return redirect("portal:webhook", org, row.pk)


@require_POST
def delete(request: Any, org: str, webhook: uuid.UUID) -> HttpResponse:
    """Delete it with its log."""
    row = _webhook(request, webhook)
    _record(request, row, "deleted", gone=True)
    row.delete()
    messages.success(request, "The webhook is deleted.")
    return redirect("portal:notifications", org)


@require_POST
def send_again(request: Any, org: str, webhook: uuid.UUID, notice: uuid.UUID) -> HttpResponse:
    """Send once more what was given up."""
    row = get_object_or_404(Notice, webhook=_webhook(request, webhook), pk=notice)
    if webhooks.send_again(row):
        messages.success(request, "It is sent again. Its answer appears below.")
    return redirect("portal:webhook", org, webhook)


@require_GET
@never_cache
def sent(request: Any, org: str, webhook: uuid.UUID) -> HttpResponse:
    """The live part of a webhook's page: its log."""
    row = _webhook(request, webhook)
    return render(request, "portal/webhook_log.html", {"webhook": row, "page": _log(request, row)})


def _email_form(request: Any, sent: Any = None) -> EmailForm:
    choice = EmailChoice.objects.filter(organization=request.organization, user=request.user).first()
    return EmailForm(sent, wanted=wanted(choice))


def _webhook(request: Any, pk: uuid.UUID) -> Webhook:
    return get_object_or_404(Webhook.objects.select_related("created_by"), organization=request.organization, pk=pk)


def _initial(row: Webhook) -> dict[str, Any]:
    return {"address": row.address, "kinds": row.kinds}


def _record(request: Any, row: Webhook, detail: str, *, gone: bool = False) -> None:
    address = "" if gone else reverse("portal:webhook", args=[request.organization.slug, row.pk])
    request.record("notification.changed", row.address, detail, address=address)


def _log(request: Any, row: Webhook) -> Any:
    rows = row.notices.select_related("occurrence").order_by("-created_at")
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def _page(request: Any, form: EmailForm, webhook_form: WebhookForm) -> HttpResponse:
    context = {
        "form": form,
        "webhook_form": webhook_form,
        "webhooks": request.organization.webhooks.all(),
        "sends_mail": settings.PORTAL_SENDS_MAIL,
        "prints_mail": settings.PORTAL_PRINTS_MAIL,
    }
    wrong = form.is_bound or webhook_form.is_bound
    return render(request, "portal/notifications.html", context, status=422 if wrong else 200)


def _detail(request: Any, row: Webhook, form: WebhookForm, *, secret: str = "") -> HttpResponse:
    both = bool(row.previous_until and row.previous_until > timezone.now())
    context = {"webhook": row, "form": form, "page": _log(request, row), "secret": secret, "both": both}
    return render(request, "portal/webhook.html", context, status=422 if form.is_bound else 200)
