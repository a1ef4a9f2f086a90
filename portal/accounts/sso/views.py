"""The pages of signing in with a provider. All of them work without JavaScript: the waiting page reloads itself by its
`Refresh` header."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts import kept_forms
from portal.accounts.attempt_counters import TooManyAttempts
from portal.accounts.sign_in_limits import allow_sso, allow_sso_logout
from portal.accounts.sso import actions, clients, providers, session, sign_ins
from portal.accounts.sso.clients import is_as_left
from portal.accounts.sso.completion import complete
from portal.accounts.sso.forms import FindForm
from portal.accounts.sso.logout import receive as receive_logout
from portal.accounts.sso.problems import SignInFailed, problem_of
from portal.accounts.sso.sign_ins import Kind, Pending
from portal.http.actors import actor_of
from portal.models import LinkedIdentity, SsoProvider, SsoSignIn, User
from portal.organizations import invitation_links
from registries.foundation.ids import OrganizationId, SsoSignInId

NOT_FOUND = "There is no single sign-on for this address. Check it, or sign in with your password."
Status = SsoSignIn.Status

log = structlog.get_logger(__name__)


@never_cache
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Find the provider by the domain of an email address, or by an organization's slug, and begin."""
    form = FindForm(request.POST or None)
    next_url = safe_next(request)
    if request.method == "POST" and form.is_valid():
        provider = providers.find_provider(form.cleaned_data["where"])
        if provider is not None:
            row = sign_ins.start(request, provider, next_url=next_url)
            return redirect("sso:wait", row.pk)
        allow_sso(request)  # guessing organizations is limited like beginning sign-ins
        form.add_error("where", NOT_FOUND)
    return render(request, "account/sso/find.html", {"form": form, "next": next_url})


@never_cache
@require_POST
def portal_start(request: HttpRequest) -> HttpResponse:
    """Begin a sign-in with the whole portal's provider."""
    provider = providers.portal_provider()
    if provider is None:
        raise Http404
    return redirect("sso:wait", sign_ins.start(request, provider, next_url=safe_next(request)).pk)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def again(request: HttpRequest) -> HttpResponse:
    """Prove again who it is, with a provider of this session."""
    next_url = safe_next(request)
    kept = kept_forms.find(request, next_url)
    identity = _identity_for(request, kept.path if kept is not None else next_url)
    if identity is None:
        raise Http404
    if request.method == "POST":
        provider = SsoProvider.objects.get(pk=identity.provider_id)
        return redirect("sso:wait", sign_ins.start(request, provider, kind=Kind.AGAIN, next_url=next_url).pk)
    return render(request, "account/sso/again.html", {"next": next_url})


@never_cache
@require_GET
def wait(request: HttpRequest, sign_in: UUID) -> HttpResponse:
    """Send the browser on: to the provider, and after it came back and a worker verified it, into the portal."""
    row, pending = _begun_here(request, sign_in)
    is_over = not SsoSignIn.objects.in_time().filter(pk=row.pk).exists()
    if row.status == Status.REFUSED or is_over or row.status == Status.REDEEMED:
        sign_ins.forget(request, row)
        return show_problem(request, row.problem or "sso_expired", row.provider, pending)
    if row.status == Status.VERIFIED:
        try:
            return complete(request, row, pending)
        except SignInFailed as failure:
            log.warning("sso_sign_in_refused", sign_in=str(row.pk), provider=str(row.provider_id), code=failure.code)
            sign_ins.refuse(row, failure.code)
            sign_ins.forget(request, row)
            return show_problem(request, failure.code, row.provider, pending)
    url = sign_ins.authorization_url(row.provider, pending) if row.status == Status.STARTED else None
    problem = "" if is_as_left(row.provider) else "sso_settings_altered"
    if row.status == Status.STARTED and url is None and (problem or row.provider.problem):
        sign_ins.forget(request, row)
        return show_problem(request, problem or row.provider.problem, row.provider, pending)
    # A redirect would be part of the form's submission, which the content policy keeps on this site.
    host = urlsplit(url).hostname if url else ""
    response = render(request, "account/sso/wait.html", {"url": url, "host": host, "status": row.status})
    response["Refresh"] = f"0; url={url}" if url else "1"
    return response


@never_cache
@require_GET
def callback(request: HttpRequest, organization: int | None = None) -> HttpResponse:
    """Take the provider's answer. Who did not begin the sign-in is not told whose provider it is."""
    found = providers.portal_provider() if organization is None else clients.addressed_as(OrganizationId(organization))
    if found is None:
        raise Http404
    try:
        with transaction.atomic():
            row = sign_ins.receive(request, found, request.GET)
    except SignInFailed as failure:
        log.warning("sso_answer_refused", provider=str(found.pk), code=failure.code)
        return show_problem(request, failure.code, None if failure.code == "sso_state" else found, None)
    return redirect("sso:wait", row.pk)


@never_cache
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, sign_in: UUID) -> HttpResponse:
    """Connect a verified sign-in with an existing account, once the person has signed in to it."""
    row, pending = _begun_here(request, sign_in)
    if not isinstance(request.user, User):
        messages.info(request, "You have an account already. Sign in to it once, then connect it.")
        return redirect(f"{reverse('account_login')}?next={reverse('sso:connect', args=[row.pk])}")
    try:
        claims = sign_ins.claims_of(row)
        if request.method != "POST":
            context = {"claims": claims, "provider": row.provider, "is_theirs": claims.email == request.user.email}
            return render(request, "account/sso/connect.html", context)
        invitation = invitation_links.open_one(request)
        identity = actions.connect(row, request.user, invitation=invitation, by=actor_of(request))
    except SignInFailed as failure:
        log.warning("sso_connection_refused", sign_in=str(row.pk), provider=str(row.provider_id), code=failure.code)
        return show_problem(request, failure.code, row.provider, pending)
    sign_ins.forget(request, row)
    session.note_proof(request, request.user, identity, signed_in_at=claims.signed_in_at)
    session.add(request, identity)
    messages.success(request, "Connected. From now on you can sign in with it.")
    return redirect(pending.next or "sso:connected")


@never_cache
@login_required
@require_GET
def connected(request: HttpRequest) -> HttpResponse:
    """List the person's connected sign-ins."""
    rows = LinkedIdentity.objects.filter(person=request.user.pk).select_related("provider__organization")
    return render(request, "account/sso/connected.html", {"identities": rows.order_by("linked_at")})


@login_required
@require_POST
def disconnect(request: HttpRequest, identity: UUID) -> HttpResponse:
    """Disconnect one of the person's own."""
    row = get_object_or_404(LinkedIdentity, pk=identity, person=request.user.pk)
    if actions.disconnect(row, by=actor_of(request)):
        messages.success(request, "Disconnected. Sessions that began with it have ended.")
    return redirect("sso:connected")


@csrf_exempt
@never_cache
@require_POST
def logout(request: HttpRequest, organization: int) -> HttpResponse:
    """Take a logout token from a provider (OpenID Connect Back-Channel Logout). 200 says that it is being verified."""
    try:
        allow_sso_logout(request)
    except TooManyAttempts as refusal:
        headers = {"Cache-Control": "no-store", "Retry-After": str(refusal.retry_after)}
        return HttpResponse(status=refusal.status, headers=headers)
    found = clients.addressed_as(OrganizationId(organization))
    token = request.POST.get("logout_token", "")
    is_taken = found is not None and bool(token) and receive_logout(found, token)
    return HttpResponse(status=200 if is_taken else 400, headers={"Cache-Control": "no-store"})


def show_problem(
    request: HttpRequest, code: str, provider: SsoProvider | None, pending: Pending | None
) -> HttpResponse:
    """Respond with what is wrong, whose move it is, and the code."""
    context = {
        "code": code,
        "problem": problem_of(code),
        "provider": provider,
        "is_check": pending is not None and pending.kind == Kind.CHECK,
    }
    return render(request, "account/sso/problem.html", context, status=400)


def safe_next(request: HttpRequest) -> str:
    """Return the address on this site where the person wanted to go; empty for anywhere else."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = given.startswith("/") and url_has_allowed_host_and_scheme(given, allowed_hosts=None)
    return given if is_ours else ""


def _identity_for(request: HttpRequest, path: str) -> LinkedIdentity | None:
    """The identity of this session whose provider speaks for the page at this path; another one if there is none."""
    rows = LinkedIdentity.objects.filter(pk__in=session.session_of(request).identities).order_by("linked_at")
    slug = path.removeprefix("/o/").partition("/")[0]
    speaking = Q(provider__organization__isnull=True) | Q(provider__organization__slug=slug)
    return rows.filter(speaking).first() or rows.first()


def _begun_here(request: HttpRequest, sign_in: UUID) -> tuple[SsoSignIn, Pending]:
    """The sign-in, if this browser began it. Raises Http404."""
    row = SsoSignIn.objects.select_related("provider__organization").filter(pk=SsoSignInId(sign_in)).first()
    pending = None if row is None else sign_ins.pending_of(request, row)
    if row is None or pending is None:
        raise Http404
    return row, pending
