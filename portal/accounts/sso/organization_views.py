"""The settings of an organization's single sign-on, for owners."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.sso import clients, organization_actions, requirement, session, sign_ins
from portal.accounts.sso.domains import PREFIX, is_as_added, is_verified
from portal.accounts.sso.forms import DomainForm, PolicyForm, ProviderForm
from portal.accounts.sso.organization_actions import POLICY, NewClient
from portal.accounts.sso.problems import problem_of
from portal.accounts.sso.sign_ins import Kind
from portal.http.actors import actor_of
from portal.http.requests import MemberRequest
from portal.models import LinkedIdentity, SsoProvider, VerifiedDomain
from registries.foundation.refusal import Refusal, shows_refusal

DOMAIN_PROBLEMS = {
    "domain_record_missing": "The record was not found. DNS changes can take an hour.",
    "domain_no_answer": "The domain's name servers did not answer. Try again.",
    "domain_altered": "This domain was changed outside the portal. Remove it and add it again.",
    "domain_of_another": "Another organization has verified this domain.",
}


@never_cache
@require_GET
def settings_page(request: MemberRequest, org: str) -> HttpResponse:
    """Show the provider, its state, who comes by it, and the domains."""
    return _page(request)


@require_POST
def save_provider(request: MemberRequest, org: str) -> HttpResponse:
    """Set the provider."""
    form = ProviderForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        client = NewClient(values["issuer"], values["client_id"], values["client_secret"])
        try:
            organization_actions.set_provider(request.organization, client, by=actor_of(request))
        except Refusal as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, "Saved. A worker is reading the provider's configuration. Check it in a moment.")
            return redirect("sso:settings", org)
    return _page(request, provider_form=form, status=400)


@require_POST
def save_policy(request: MemberRequest, org: str) -> HttpResponse:
    """Set who comes by the provider."""
    provider = get_object_or_404(SsoProvider, organization=request.access.organization_id)
    form = PolicyForm(request.POST)
    if form.is_valid():
        by_it = request.access.organization_id in session.session_of(request).organizations
        try:
            organization_actions.change_policy(
                provider, dict(form.cleaned_data), has_signed_in_by_it=by_it, by=actor_of(request)
            )
        except Refusal as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, "Saved.")
            return redirect("sso:settings", org)
    return _page(request, policy_form=form, status=400)


@require_POST
def check_provider(request: MemberRequest, org: str) -> HttpResponse:
    """Go the whole way with the provider, without signing anybody in."""
    provider = get_object_or_404(SsoProvider, organization=request.access.organization_id)
    SsoProvider.objects.filter(pk=provider.pk).update(problem="", checked_at=None)
    provider.refresh_from_db()
    return redirect("sso:wait", sign_ins.start(request, provider, kind=Kind.CHECK).pk)


@require_POST
def remove_provider(request: MemberRequest, org: str) -> HttpResponse:
    """Remove the provider."""
    provider = get_object_or_404(SsoProvider, organization=request.access.organization_id)
    if organization_actions.remove_provider(provider, by=actor_of(request)):
        messages.success(request, "The provider was removed. Members sign in with their passwords.")
    return redirect("sso:settings", org)


@require_POST
@shows_refusal(settings_page)
def add_domain(request: MemberRequest, org: str) -> HttpResponse:
    """Add a domain to verify."""
    form = DomainForm(request.POST)
    if form.is_valid():
        organization_actions.add_domain(request.organization, name=form.cleaned_data["name"], by=actor_of(request))
        return redirect("sso:settings", org)
    return _page(request, domain_form=form, status=400)


@require_POST
def check_domain(request: MemberRequest, org: str, domain: UUID) -> HttpResponse:
    """Look for a domain's record now."""
    row = get_object_or_404(VerifiedDomain, pk=domain, organization=request.access.organization_id)
    organization_actions.check_domain(row)
    messages.info(request, f"Looking for the record of {row.name}. Reload the page in a moment.")
    return redirect("sso:settings", org)


@require_POST
def remove_domain(request: MemberRequest, org: str, domain: UUID) -> HttpResponse:
    """Remove a domain."""
    row = get_object_or_404(VerifiedDomain, pk=domain, organization=request.access.organization_id)
    organization_actions.remove_domain(row, by=actor_of(request))
    return redirect("sso:settings", org)


def _page(
    request: MemberRequest,
    *,
    provider_form: ProviderForm | None = None,
    policy_form: PolicyForm | None = None,
    domain_form: DomainForm | None = None,
    status: int = 200,
) -> HttpResponse:
    provider = SsoProvider.objects.filter(organization=request.access.organization_id).first()
    is_altered = provider is not None and not clients.is_as_left(provider)
    # What somebody wrote is not proposed to the owner, who would send the client's secret there.
    shown = None if is_altered else provider
    named = {} if shown is None else {"issuer": shown.issuer, "client_id": shown.client_id}
    policy = dict(POLICY) if shown is None else {name: getattr(shown, name) for name in POLICY}
    policy["requires_sso"] = requirement.is_required(request.access.organization_id)
    addressed = provider or SsoProvider(organization=request.organization)
    domains = list(VerifiedDomain.objects.filter(organization=request.access.organization_id))
    context = {
        "provider": provider,
        "problem": problem_of(provider.problem) if provider is not None and provider.problem else None,
        "is_altered": is_altered,
        "redirect_uri": clients.redirect_uri(addressed),
        "logout_uri": clients.logout_uri(addressed),
        "people": LinkedIdentity.objects.filter(provider=provider, withdrawn_at__isnull=True).count(),
        "is_closed": provider is None and policy["requires_sso"],
        "domains": [(row, is_verified(row), is_as_added(row), _domain_problem(row)) for row in domains],
        "record_prefix": PREFIX,
        "provider_form": provider_form or ProviderForm(initial=named),
        "policy_form": policy_form or PolicyForm(initial=policy),
        "domain_form": domain_form or DomainForm(),
    }
    return render(request, "account/sso/settings.html", context, status=status)


def _domain_problem(row: VerifiedDomain) -> str:
    return DOMAIN_PROBLEMS.get(row.problem if is_as_added(row) else "domain_altered", "")
