"""Actions of owners on their organization's single sign-on: the provider, who comes by it, and domains."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from groups.rules import quotas
from portal.accounts.factor_rows import is_protected
from portal.accounts.sso import clients
from portal.accounts.sso.domains import is_domain, token_of
from portal.accounts.sso.provider_address import check_issuer
from portal.accounts.sso.requirement import is_required, note_requirement
from portal.accounts.sso.wakeups import wake_configure, wake_find_domain
from portal.models import Organization, Role, SsoProvider, User, VerifiedDomain
from portal.organizations.rules import require_owner
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId
from registries.foundation.refusal import Refusal

MAX_DOMAINS = 20
POLICY: dict[str, Value] = {
    "adds_members": False,
    "default_role": Role.VIEWER.value,
    "required_claim": "",
    "required_value": "",
    "requires_sso": False,
}
"""What an owner sets of who can sign in with the provider, and what is so until then."""


class SsoRefused(Refusal):
    """Single sign-on can't be set like this."""

    code = "sso_refused"
    title = "Single sign-on can't be set like this"


@dataclass(frozen=True)
class NewClient:
    """The client that the provider has registered for this portal. Without a secret the one before is kept, if issuer
    and id are the same."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)


def set_provider(organization: Organization, client: NewClient, *, by: Actor) -> SsoProvider:
    """Set the organization's identity provider; a worker reads its discovery document. Another issuer ends all that the
    one before has linked. What somebody changed outside the portal is not confirmed: who can sign in with the provider
    is reset then. Raises IssuerRefused, SsoRefused without a secret that may be kept, and NoLongerOwner."""
    check_issuer(client.issuer)
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        require_owner(by, organization.pk)
        row = SsoProvider.objects.filter(organization=organization).first()
        before: dict[str, Value] = {} if row is None else {"issuer": row.issuer, "client_id": row.client_id}
        after: dict[str, Value] = {"issuer": client.issuer, "client_id": client.client_id}
        was_altered = row is not None and not clients.is_as_left(row)
        if not client.secret and (was_altered or before != after):
            raise SsoRefused(
                "Enter the client secret. The saved one is kept only for the same issuer and client ID, and if nobody "
                "changed these settings outside the portal.",
                field="client_secret",
            )
        if row is not None and row.issuer != client.issuer:
            row.delete()  # with its identities: another issuer's subjects are other people
            if not was_altered:  # else the issuer may be the same, and somebody wrote another to open the organization
                _end_requirement(organization.pk, by=by)
            row = None
        if row is None:
            row = SsoProvider(organization=organization)
        if was_altered:
            for name, value in POLICY.items():
                setattr(row, name, value)
        row.issuer, row.client_id = client.issuer, client.client_id
        row.configuration, row.configuration_mark, row.checked_at, row.problem = "", "", None, ""
        if client.secret:
            row.client = clients.seal_client(row, client.secret)
        row.mark = clients.settings_mark(row)
        row.save()
        wake_configure(row.pk)
        target = Target("identity provider", row.pk, client.issuer)
        record(
            by,
            "organization.sso_set",
            target,
            organization_id=organization.pk,
            detail="it was changed outside the portal: who can sign in with it was reset" if was_altered else "",
            before=before or None,
            after=after,
        )
    return row


def change_policy(provider: SsoProvider, values: dict[str, Value], *, has_signed_in_by_it: bool, by: Actor) -> bool:
    """Change who comes by the provider, by the names in `POLICY`. `has_signed_in_by_it`: the owner's session is one of
    the provider's, without which "only by single sign-on" could lock everybody out. Returns whether anything was
    different. Raises SsoRefused and NoLongerOwner."""
    with transaction.atomic():
        quotas.lock_organization(OrganizationId(provider.organization_id or 0))
        require_owner(by, OrganizationId(provider.organization_id or 0))
        row = SsoProvider.objects.get(pk=provider.pk)
        if not clients.is_as_left(row):
            raise SsoRefused("These settings were changed outside the portal. Enter the provider and its secret again.")
        organization_id = OrganizationId(row.organization_id or 0)
        before: dict[str, Value] = {name: getattr(row, name) for name in POLICY}
        before["requires_sso"] = is_required(organization_id)
        after = {name: value for name, value in values.items() if name in POLICY and before[name] != value}
        if not after:
            return False
        if after.get("default_role") == Role.OWNER:
            raise SsoRefused("A provider can't make anybody an owner.", field="default_role")
        if after.get("requires_sso"):
            _refuse_lock_out(organization_id, has_signed_in_by_it=has_signed_in_by_it)
        for name, value in after.items():
            setattr(row, name, value)
        row.mark = clients.settings_mark(row)
        row.save(update_fields=[*after, "mark"])
        if "requires_sso" in after:
            note_requirement(organization_id, bool(after["requires_sso"]), by=by)
        record(
            by,
            "organization.sso_changed",
            Target("identity provider", row.pk, row.issuer),
            organization_id=organization_id,
            detail=", ".join(name.replace("_", " ") for name in after),
            before={name: before[name] for name in after},
            after=after,
        )
    return True


def remove_provider(provider: SsoProvider, *, by: Actor) -> bool:
    """Remove the provider with everything that it has linked. People sign in in other ways, or not at all. Returns
    whether it existed. Raises NoLongerOwner."""
    with transaction.atomic():
        organization_id = OrganizationId(provider.organization_id or 0)
        quotas.lock_organization(organization_id)
        require_owner(by, organization_id)
        if not SsoProvider.objects.filter(pk=provider.pk).delete()[0]:
            return False
        _end_requirement(organization_id, by=by)
        target = Target("identity provider", provider.pk, provider.issuer)
        record(by, "organization.sso_removed", target, organization_id=organization_id)
    return True


def add_domain(organization: Organization, *, name: str, by: Actor) -> VerifiedDomain:
    """Add a domain to verify. Raises SsoRefused if it is none, is there already, or there are too many, and
    NoLongerOwner."""
    name = name.strip().lower().removesuffix(".")
    if not is_domain(name):
        raise SsoRefused("This is not a domain. Write it as example.com.", field="name")
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        require_owner(by, organization.pk)
        rows = VerifiedDomain.objects.filter(organization=organization)
        if rows.filter(name=name).exists():
            raise SsoRefused("This domain is in the list already.", field="name")
        if rows.count() >= MAX_DOMAINS:
            raise SsoRefused(f"An organization has at most {MAX_DOMAINS} domains.", field="name")
        row = VerifiedDomain(organization=organization, name=name)
        row.token = token_of(row)
        row.save(force_insert=True)
        record(by, "organization.domain_added", Target("domain", row.pk, name), organization_id=organization.pk)
    return row


def check_domain(domain: VerifiedDomain) -> None:
    """Have a worker look for the record now."""
    VerifiedDomain.objects.filter(pk=domain.pk).update(problem="")
    wake_find_domain(domain.pk)


def remove_domain(domain: VerifiedDomain, *, by: Actor) -> bool:
    """Remove a domain. Members who came by it stay. Returns whether it existed. Raises NoLongerOwner."""
    with transaction.atomic():
        organization_id = OrganizationId(domain.organization_id)
        quotas.lock_organization(organization_id)
        require_owner(by, organization_id)
        if not VerifiedDomain.objects.filter(pk=domain.pk).delete()[0]:
            return False
        target = Target("domain", domain.pk, domain.name)
        record(by, "organization.domain_removed", target, organization_id=organization_id)
    return True


def _end_requirement(organization_id: OrganizationId, *, by: Actor) -> None:
    """Open a locked organization to other sign-ins, as the provider with which it was closed is gone."""
    if is_required(organization_id):
        note_requirement(organization_id, False, by=by)


def _refuse_lock_out(organization_id: OrganizationId, *, has_signed_in_by_it: bool) -> None:
    """Raise SsoRefused unless the provider works and an owner gets in without it."""
    if not has_signed_in_by_it:
        raise SsoRefused(
            "Sign in with this provider first, so that you know it works before everybody has to use it.",
            field="requires_sso",
        )
    owners = User.objects.filter(memberships__organization=organization_id, memberships__role=Role.OWNER)
    if not any(row.is_unaltered and is_protected(row.second_factors) for row in owners.filter(is_active=True)):
        raise SsoRefused(
            "First an owner has to add a second factor, to get in when the provider is down.",
            field="requires_sso",
        )
