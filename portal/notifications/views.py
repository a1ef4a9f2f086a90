"""Pages of notifications: a member's emails, the organization's webhooks, and a webhook's messages."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.http.requests import MemberRequest
from portal.models import EmailChoice, Notice, Webhook
from portal.notifications import webhooks
from portal.notifications.forms import EmailForm, WebhookForm
from portal.notifications.subscriptions import choose_emails, wanted
from registries.foundation.ids import NoticeId, WebhookId

PAGE_SIZE = 30


@require_http_methods(["GET", "POST"])
@never_cache
def notifications(request: MemberRequest, org: str) -> HttpResponse:
    """Show and save the member's email preferences; list the organization's webhooks."""
    form = _email_form(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        choose_emails(request.organization.pk, form.wanted, by=request.actor)
        messages.success(request, "Your email preferences are saved.")
        return redirect("portal:notifications", org)
    return _page(request, form, WebhookForm())


@require_POST
@never_cache
def add_webhook(request: MemberRequest, org: str) -> HttpResponse:
    """Add a webhook; the response shows its secret, once."""
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            row, secret = webhooks.add(request.organization, by=request.actor, **form.cleaned_data)
        except webhooks.TooManyWebhooks as refusal:
            form.add_error(None, refusal.message)
        else:
            return _detail(request, row, WebhookForm(initial=_initial(row)), secret=secret)
    return _page(request, _email_form(request), form)


@require_http_methods(["GET", "POST"])
@never_cache
def webhook(request: MemberRequest, org: str, webhook: WebhookId) -> HttpResponse:
    """Show a webhook with its messages; change it on POST."""
    row = _webhook(request, webhook)
    form = WebhookForm(request.POST if request.method == "POST" else None, initial=_initial(row))
    if form.is_valid():
        try:
            webhooks.change(row, by=request.actor, **form.cleaned_data)
        except webhooks.SecretUnreadable as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "Webhook saved.")
            return redirect("portal:webhook", org, row.pk)
    return _detail(request, row, form)


@require_POST
@never_cache
def rotate(request: MemberRequest, org: str, webhook: WebhookId) -> HttpResponse:
    """Rotate the secret; the response shows the new one, once."""
    row = _webhook(request, webhook)
    secret = webhooks.rotate(row, by=request.actor)
    if secret is None:
        raise Http404
    row.refresh_from_db()
    return _detail(request, row, WebhookForm(initial=_initial(row)), secret=secret)


@require_POST
def test(request: MemberRequest, org: str, webhook: WebhookId) -> HttpResponse:
    """Send a test message."""
    row = _webhook(request, webhook)
    if webhooks.test(row, by=request.actor) is None:
        raise Http404
    messages.success(request, "Sending a test. The response appears below.")
    return redirect("portal:webhook", org, row.pk)


@require_POST
def switch(request: MemberRequest, org: str, webhook: WebhookId) -> HttpResponse:
    """Pause or resume a webhook."""
    row = _webhook(request, webhook)
    if row.off_since is None:
        webhooks.pause(row, by=request.actor)
    else:
        webhooks.resume(row, by=request.actor)
    return redirect("portal:webhook", org, row.pk)


@require_POST
def delete(request: MemberRequest, org: str, webhook: WebhookId) -> HttpResponse:
    """Delete a webhook with its messages."""
    row = _webhook(request, webhook)
    webhooks.delete(row, by=request.actor)
    messages.success(request, "Webhook deleted.")
    return redirect("portal:notifications", org)


@require_POST
def send_again(request: MemberRequest, org: str, webhook: WebhookId, notice: NoticeId) -> HttpResponse:
    """Send a failed message again."""
    row = get_object_or_404(Notice, webhook=_webhook(request, webhook), pk=notice)
    if webhooks.send_again(row, by=request.actor):
        messages.success(request, "Sending it again. The response appears below.")
    return redirect("portal:webhook", org, webhook)


@require_GET
@never_cache
def sent(request: MemberRequest, org: str, webhook: WebhookId) -> HttpResponse:
    """The part of a webhook's page that is updated: its messages."""
    row = _webhook(request, webhook)
    return render(request, "portal/webhook_log.html", {"webhook": row, "page": _log(request, row)})


def _email_form(request: MemberRequest, sent: QueryDict | None = None) -> EmailForm:
    choice = EmailChoice.objects.filter(organization=request.organization, user=request.user).first()
    return EmailForm(sent, wanted=wanted(choice))


def _webhook(request: MemberRequest, pk: WebhookId) -> Webhook:
    return get_object_or_404(Webhook.objects.select_related("created_by"), organization=request.organization, pk=pk)


def _initial(row: Webhook) -> dict[str, object]:
    return {"address": row.shown_address, "kinds": row.kinds}


def _log(request: MemberRequest, row: Webhook) -> Page[Notice]:
    rows = row.notices.select_related("occurrence").order_by("-created_at")
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def _page(request: MemberRequest, form: EmailForm, webhook_form: WebhookForm) -> HttpResponse:
    context = {
        "form": form,
        "webhook_form": webhook_form,
        "webhooks": request.organization.webhooks.all(),
        "sends_mail": settings.PORTAL_SENDS_MAIL,
        "prints_mail": settings.PORTAL_PRINTS_MAIL,
    }
    is_invalid = form.is_bound or webhook_form.is_bound
    return render(request, "portal/notifications.html", context, status=422 if is_invalid else 200)


def _detail(request: MemberRequest, row: Webhook, form: WebhookForm, *, secret: str = "") -> HttpResponse:
    both = webhooks.is_rotating(row)
    context = {"webhook": row, "form": form, "page": _log(request, row), "secret": secret, "both": both}
    return render(request, "portal/webhook.html", context, status=422 if form.is_bound else 200)
