"""Accepting an invitation, with the account that has its address or with a new one.

Opening the link changes nothing, because mail programs open links by themselves; only a POST accepts.
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.models import Invitation, User
from portal.organizations import invitations
from portal.organizations.forms import FirstPasswordForm
from registries.foundation.refusal import shows_refusal
from registries.foundation.requests import ActorRequest
from registries.secrets import one_time

BACKEND = "django.contrib.auth.backends.ModelBackend"


def _to_invitation(request: ActorRequest, /, token: str) -> HttpResponse:
    return redirect(request.path)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@shows_refusal(_to_invitation)
def invitation(request: ActorRequest, /, token: str) -> HttpResponse:
    """Show who invites to which organization; accept on POST."""
    row = (
        Invitation.objects.select_related("organization", "invited_by")
        .filter(token_hash=one_time.digest_of(token))
        .first()
    )
    if row is None or not Invitation.objects.open().filter(pk=row.pk).exists():
        return render(request, "portal/invitation_over.html", {"invitation": row}, status=404 if row is None else 410)
    has_account = User.objects.filter(email=row.email).exists()
    is_theirs = request.user.is_authenticated and request.user.email == row.email
    form = FirstPasswordForm(request.POST if request.method == "POST" and not has_account else None, email=row.email)
    if request.method == "POST" and (is_theirs or form.is_valid()):
        if is_theirs:
            invitations.accept(row, by=request.actor)
        else:
            _sign_in(request, invitations.accept_as_new(row, form.cleaned_data["password"], by=request.actor))
        messages.success(request, f"Welcome to {row.organization.name}. Your role is {row.role}.")
        return redirect("portal:organization", row.organization.slug)
    context = {"invitation": row, "form": form, "has_account": has_account, "is_theirs": is_theirs}
    return render(request, "portal/invitation.html", context, status=422 if form.is_bound else 200)


def _sign_in(request: ActorRequest, person: User) -> None:
    """Sign in the person whose account was just created. The adapter records it."""
    person.backend = BACKEND
    get_adapter().login(request, person)
