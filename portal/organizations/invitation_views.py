"""Accepting an invitation, with the account that has its address or with a new one.

Opening the link changes nothing, because mail programs open links by themselves; only a POST accepts.
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from portal.models import Invitation, User
from portal.organizations import invitation_links, invitations
from portal.organizations.forms import FirstPasswordForm
from registries.foundation.refusal import shows_refusal
from registries.foundation.requests import ActorRequest

SHOWN = "invitation"
"""The field of the form with the id of the invitation that it shows. Pages of earlier releases have none."""
BACKEND = "django.contrib.auth.backends.ModelBackend"


def _to_invitation(request: ActorRequest, /) -> HttpResponse:
    return redirect("portal:invitation_accept")


@sensitive_variables("token")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def open_invitation(request: ActorRequest, /, token: str) -> HttpResponse:
    """Keep an open invitation's token in the session, and continue without it in the address. A POST comes from a page
    of an earlier release, whose address has the token."""
    row = invitation_links.find(token)
    if row is None or not _is_open(row):
        return _over(request, row)
    invitation_links.remember(request, token)
    return invitation(request) if request.method == "POST" else _to_invitation(request)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@shows_refusal(_to_invitation)
def invitation(request: ActorRequest, /) -> HttpResponse:
    """Show who invites to which organization; accept on POST. The form names the invitation that it shows: another tab,
    or another site that opened a link of its own, may have put another one in the session."""
    row = invitation_links.find(invitation_links.remembered(request))
    if row is None or not _is_open(row):
        return _over(request, row)
    if request.method == "POST" and request.POST.get(SHOWN, str(row.pk)) != str(row.pk):
        messages.warning(request, "You opened another invitation in this browser since. This is the latest one.")
        return _to_invitation(request)
    account = User.objects.filter(email=row.email).first()
    is_claim = account is not None and not account.address_proof and bool(row.proof)
    is_theirs = request.user.is_authenticated and request.user.email == row.email and not is_claim
    asks = account is None or is_claim
    form = FirstPasswordForm(request.POST if request.method == "POST" and asks else None, email=row.email)
    if request.method == "POST" and (is_theirs or form.is_valid()):
        if is_theirs:
            invitations.accept(row, by=request.actor)
        else:
            accept = invitations.accept_and_prove if is_claim else invitations.accept_as_new
            _sign_in(request, accept(row, form.cleaned_data["password"], by=request.actor))
        invitation_links.forget(request)
        messages.success(request, f"Welcome to {row.organization.name}. Your role is {row.role}.")
        return redirect("portal:organization", row.organization.slug)
    context = {
        "invitation": row,
        "form": form,
        "has_account": account is not None,
        "is_claim": is_claim,
        "is_theirs": is_theirs,
        "shown": SHOWN,
    }
    return render(request, "portal/invitation.html", context, status=422 if form.is_bound else 200)


def _is_open(row: Invitation) -> bool:
    return Invitation.objects.open().filter(pk=row.pk).exists()


def _over(request: ActorRequest, row: Invitation | None) -> HttpResponse:
    return render(request, "portal/invitation_over.html", {"invitation": row}, status=404 if row is None else 410)


def _sign_in(request: ActorRequest, person: User) -> None:
    """Sign in the person who has just chosen a password. The adapter records it."""
    person.backend = BACKEND
    record_authentication(request, person, method="password")
    get_adapter().login(request, person)
