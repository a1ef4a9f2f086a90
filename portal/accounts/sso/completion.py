"""The end of a sign-in with a provider: the person is signed in, asked to confirm, or shown what is wrong."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.accounts.sso import session, sign_ins
from portal.accounts.sso.actions import Admitted, NeedsConfirmation, admit, check_address
from portal.accounts.sso.problems import SignInFailed
from portal.accounts.sso.sign_ins import Kind, Pending
from portal.accounts.sso.withdrawal import withdraw
from portal.http.actors import actor_of
from portal.models import LinkedIdentity, SsoSignIn
from portal.organizations import invitation_links
from registries.foundation.actor import PORTAL


def complete(request: HttpRequest, row: SsoSignIn, pending: Pending) -> HttpResponse:
    """Respond to a browser whose sign-in a worker has verified. Raises SignInFailed."""
    claims = sign_ins.claims_of(row)
    if pending.kind == Kind.CHECK:
        return _show_check(request, row)
    if pending.kind == Kind.AGAIN and abs(claims.at - claims.signed_in_at) > sign_ins.MAX_AGE_SECONDS:
        raise SignInFailed("sso_not_fresh")
    if not claims.meets_requirement:
        known = LinkedIdentity.objects.filter(provider=row.provider_id, subject=claims.subject)
        for identity in known.select_related("provider", "person"):
            reason = "the provider's account lacks a claim that the organization requires"
            withdraw(identity, reason=reason, by=PORTAL)
        raise SignInFailed("sso_requirement")
    try:
        admitted = admit(row, invitation=invitation_links.open_one(request), by=actor_of(request))
    except NeedsConfirmation:
        return redirect("sso:connect", row.pk)
    sign_ins.forget(request, row)
    return sign_in(request, admitted, signed_in_at=claims.signed_in_at, next_url=pending.next)


def sign_in(request: HttpRequest, admitted: Admitted, *, signed_in_at: float, next_url: str) -> HttpResponse:
    """Sign the person in, after the second factor if there is one; in a session that is theirs, add the provider.
    `signed_in_at` is when they signed in there, 0 if it doesn't say."""
    if request.user.is_authenticated and request.user.pk == admitted.person.pk:
        session.note_proof(request, admitted.person, admitted.identity, signed_in_at=signed_in_at)
        session.add(request, admitted.identity)
        return redirect(next_url or reverse("portal:home"))
    if request.user.is_authenticated:
        logout(request)
    session.note_proof(request, admitted.person, admitted.identity, signed_in_at=signed_in_at)
    login = Login(user=admitted.person, redirect_url=next_url or None, email=admitted.person.email)
    response: HttpResponse = perform_login(request, login)
    return response


def _show_check(request: HttpRequest, row: SsoSignIn) -> HttpResponse:
    """Show an owner that the whole way works, and what the provider said."""
    claims, _ = sign_ins.redeem(row)
    sign_ins.forget(request, row)
    problem = "" if claims.meets_requirement else "sso_requirement"
    try:
        check_address(row.provider, claims)
    except SignInFailed as failure:
        problem = failure.code
    if problem:
        raise SignInFailed(problem)
    context = {"provider": row.provider, "claims": claims, "org": row.provider.organization}
    return render(request, "account/sso/check.html", context)
