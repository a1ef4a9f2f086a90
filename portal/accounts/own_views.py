"""Pages of one's own account: the name, the email address, and deleting the account."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts import address_change, own_account, password_links
from portal.accounts.own_forms import AddressForm, DeleteForm, NameForm
from portal.accounts.session_epoch import keep_session
from portal.accounts.signed_in import person_of
from portal.mail import sending
from registries.foundation.refusal import Refusal, shows_refusal
from registries.foundation.requests import ActorRequest
from registries.secrets import one_time

TOKEN_KEY = "address_token"  # noqa: S105 (the entry of the session)
PRINTED = "This portal has no mail server: the email is printed on its console."
NO_MAIL = "This portal sends no email. Write to {} for a link."


def _to_profile(request: ActorRequest, /) -> HttpResponse:
    return redirect("account_profile")


@require_safe
@login_required
@never_cache
def profile(request: ActorRequest) -> HttpResponse:
    """Show the account."""
    return _page(request)


@require_POST
@login_required
@shows_refusal(_to_profile)
def change_name(request: ActorRequest, /) -> HttpResponse:
    """Change the person's name."""
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, name_form=form)
    if own_account.rename_self(person_of(request), **form.cleaned_data, by=request.actor):
        messages.success(request, "Your name is saved.")
    return _to_profile(request)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def change_address(request: ActorRequest, /) -> HttpResponse:
    """Ask for another address, and mail a link there. The page says the same if the address has an account."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    if not sending.is_configured():
        context = {"support_email": settings.PORTAL_SUPPORT_EMAIL}
        return render(request, "account/address_closed.html", context)
    if form.is_bound and form.is_valid():
        email = form.cleaned_data["email"]
        try:
            outcome = _send_change(request, email)
        except Refusal as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            _say(request, outcome, f"A link was sent to {email}. Open it within an hour, in this browser or another.")
            return _to_profile(request)
    return render(request, "account/address.html", {"form": form}, status=422 if form.is_bound else 200)


@sensitive_variables("token")
@require_safe
@never_cache
def open_address_link(request: ActorRequest, /, token: str) -> HttpResponse:
    """Keep the token in the session, and continue without it in the address. Nothing changes."""
    if not one_time.has_form(token, address_change.PREFIX):
        raise Http404
    request.session[TOKEN_KEY] = token
    return redirect("account_new_address")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@shows_refusal(_to_profile)
def new_address(request: ActorRequest, /) -> HttpResponse:
    """Show the address of the link that was opened; make it the account's on POST."""
    person = person_of(request)
    token = str(request.session.get(TOKEN_KEY, ""))
    link = address_change.find(person, token)
    if link is None:
        return render(request, "account/address_over.html", status=410)
    if request.method != "POST":
        return render(request, "account/new_address.html", {"link": link})
    email = address_change.confirm_change(person, token, by=request.actor)
    del request.session[TOKEN_KEY]
    keep_session(request)
    messages.success(request, f"You sign in with {email} from now on. Every other browser was signed out.")
    return _to_profile(request)


@require_POST
@login_required
@shows_refusal(_to_profile)
def prove_address(request: ActorRequest, /) -> HttpResponse:
    """Mail the link that proves the address."""
    person = person_of(request)
    if not person.address_proof:
        _say(request, password_links.mail_proof_link(person), f"A link was sent to {person.email}.")
    return _to_profile(request)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@shows_refusal(_to_profile)
def delete(request: ActorRequest, /) -> HttpResponse:
    """Say what goes with the account; delete it on POST."""
    person = person_of(request)
    form = DeleteForm(request.POST if request.method == "POST" else None, address=person.email)
    if form.is_bound and form.is_valid():
        own_account.delete_account(person, by=request.actor)
        logout(request)
        messages.success(request, "Your account is deleted.")
        return redirect("account_login")
    context = {"form": form, "departures": own_account.departures_of(person)}
    return render(request, "account/delete.html", context, status=422 if form.is_bound else 200)


def _page(request: ActorRequest, *, name_form: NameForm | None = None) -> HttpResponse:
    person = person_of(request)
    form = name_form or NameForm(initial={"first_name": person.first_name, "last_name": person.last_name})
    context = {"person": person, "name_form": form, "sends_mail": sending.is_configured()}
    return render(request, "account/profile.html", context, status=422 if form.is_bound else 200)


def _send_change(request: ActorRequest, email: str) -> sending.Outcome:
    token = address_change.request_change(person_of(request), email, by=request.actor)
    link = f"{settings.PORTAL_PUBLIC_URL}{reverse('account_address_link', args=[token])}"
    return sending.send("new_address", email, {"link": link, "email": email})


def _say(request: ActorRequest, outcome: sending.Outcome, sent: str) -> None:
    if outcome is sending.Outcome.SENT:
        messages.success(request, sent)
    elif outcome is sending.Outcome.PRINTED:
        messages.info(request, PRINTED)
    elif sending.is_configured():
        messages.error(request, "The email could not be sent. Try again later.")
    else:
        messages.error(request, NO_MAIL.format(settings.PORTAL_SUPPORT_EMAIL))
