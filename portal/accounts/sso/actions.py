"""Actions of people who sign in with a provider: signing in for the first time, connecting, disconnecting.

Whose word counts for which account is decided here; see decision 24.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from groups.rules import quotas
from portal.accounts import authority
from portal.accounts.address_proof import prove
from portal.accounts.authority import AccountAltered
from portal.accounts.factor_rows import is_protected
from portal.accounts.notices import send_notice
from portal.accounts.sso import identities, sign_ins
from portal.accounts.sso.clients import is_as_left
from portal.accounts.sso.domains import domain_of, owns_address
from portal.accounts.sso.exchange import Claims
from portal.accounts.sso.problems import SignInFailed
from portal.audit.sign_ins import record_for_person
from portal.models import AddressProof, Invitation, LinkedIdentity, Membership, SsoProvider, SsoSignIn, User
from portal.models.user import canonical_email
from portal.organizations.invitations import InvitationOver, accept_by_sso
from portal.organizations.removals import was_removed
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId


class NeedsConfirmation(Exception):
    """The account exists and has another way to sign in, which has to be used once before the provider counts."""


@dataclass(frozen=True)
class Admitted:
    """Who signs in, with which linked identity."""

    person: User
    identity: LinkedIdentity


def admit(sign_in: SsoSignIn, *, invitation: Invitation | None = None, by: Actor) -> Admitted:
    """Redeem a verified sign-in: return whose it is. At the first one, link the account with that address or create it,
    if the provider may or the address is that of the open `invitation` whose link the browser has opened. Raises
    SignInFailed and NeedsConfirmation; then nothing has changed."""
    try:
        with transaction.atomic():
            provider = _lock(sign_in)
            claims, refresh = sign_ins.redeem(sign_in)
            found = LinkedIdentity.objects.select_for_update(of=("self",)).select_related("provider")
            identity = found.filter(provider=provider, subject=claims.subject).first()
            actions: list[str] = []
            if identity is not None:
                person = _known(identity)
                is_back = identity.withdrawn_at is not None
            else:
                person, actions = _first(provider, claims, invitation)
                identity, is_back = identities.create(provider, person, claims), True
                actions.append("account.identity_linked")
            is_guest = _accept(provider, person, invitation, by=by)
            joined = "" if is_guest else _belong(provider, person, may_join=is_back)
            identities.note_use(identity, claims, refresh)
            identity.refresh_from_db()
            _record(provider, person, actions, joined=joined, by=by)
    except (AccountAltered, IntegrityError):
        raise SignInFailed("sso_account") from None
    except InvitationOver:
        raise SignInFailed("sso_invitation") from None
    return Admitted(person, identity)


def connect(sign_in: SsoSignIn, person: User, *, invitation: Invitation | None = None, by: Actor) -> LinkedIdentity:
    """Link a verified sign-in to the person who is signed in and confirms it. Their address has to be the provider's.
    `invitation` as in `admit`. Raises SignInFailed."""
    try:
        with transaction.atomic():
            provider = _lock(sign_in)
            claims, refresh = sign_ins.redeem(sign_in)
            row = authority.lock(person.pk)
            check_address(provider, claims)
            if canonical_email(claims.email) != row.email or not row.is_active:
                raise SignInFailed("sso_other_account")
            _refuse_staff(provider, row)
            if LinkedIdentity.objects.filter(provider=provider, person=row).exists():
                raise SignInFailed("sso_connected_elsewhere")
            identity = identities.create(provider, row, claims)
            is_guest = _accept(provider, row, invitation, by=by)
            joined = "" if is_guest else _belong(provider, row, may_join=True)
            identities.note_use(identity, claims, refresh)
            identity.refresh_from_db()
            _record(provider, row, ["account.identity_linked"], joined=joined, by=by)
    except (AccountAltered, IntegrityError):
        raise SignInFailed("sso_account") from None
    except InvitationOver:
        raise SignInFailed("sso_invitation") from None
    return identity


def disconnect(identity: LinkedIdentity, *, by: Actor) -> bool:
    """Remove a linked identity; sessions that began with it end. Returns whether it existed."""
    with transaction.atomic():
        row = LinkedIdentity.objects.select_related("person", "provider").filter(pk=identity.pk).first()
        if row is None or not LinkedIdentity.objects.filter(pk=identity.pk).delete()[0]:
            return False
        send_notice(row.person, "identity_unlinked", by=by, details={"provider": row.provider.issuer})
        record_for_person(row.person, "account.identity_unlinked", by=by, detail=row.provider.issuer)
    return True


def check_address(provider: SsoProvider, claims: Claims) -> None:
    """Raise SignInFailed unless the provider may speak for the address and calls it verified."""
    try:
        validate_email(claims.email)
    except ValidationError:
        raise SignInFailed("sso_email_missing") from None
    if not claims.is_email_verified:
        raise SignInFailed("sso_email_unverified")
    organization_id = provider.organization_id
    if organization_id is not None and not owns_address(OrganizationId(organization_id), claims.email):
        raise SignInFailed("sso_domain")


def _lock(sign_in: SsoSignIn) -> SsoProvider:
    """Lock the organization of a sign-in, so that memberships stay as they are; return the provider as it is now."""
    provider = SsoProvider.objects.get(pk=sign_in.provider_id)
    if provider.organization_id is not None:
        quotas.lock_organization(OrganizationId(provider.organization_id))
        provider = SsoProvider.objects.get(pk=sign_in.provider_id)
    if not is_as_left(provider):
        raise SignInFailed("sso_settings_altered")
    return provider


def _known(identity: LinkedIdentity) -> User:
    """The person of a linked identity."""
    if not identities.is_as_left(identity):
        raise SignInFailed("sso_identity_altered")
    person = authority.lock(identity.person_id)
    if not person.is_active:
        raise SignInFailed("sso_account")
    _refuse_staff(identity.provider, person)
    return person


def _first(provider: SsoProvider, claims: Claims, invitation: Invitation | None) -> tuple[User, list[str]]:
    """The account for a subject that is seen for the first time, and what was done to it. Raises NeedsConfirmation if
    the person has to show first that it is theirs."""
    check_address(provider, claims)
    email = canonical_email(claims.email)
    found = User.objects.filter(email=email).first()
    if found is None:
        if not _may_create(provider, email) and not _invites(provider, email, invitation):
            raise SignInFailed("sso_no_account")
        return User.objects.create_user(email, None, address_proof=AddressProof.SSO), ["account.created"]
    person = authority.lock(found.pk)
    if not person.is_active:
        raise SignInFailed("sso_account")
    _refuse_staff(provider, person)
    is_elsewhere = _is_elsewhere(provider, person)
    if not person.address_proof and not is_elsewhere:
        prove(person, AddressProof.SSO)  # whoever made the account didn't have the address
        return person, ["account.address_proven"]
    has_own_way = person.has_usable_password() or bool(person.second_factors)
    if has_own_way or person.is_staff or person.is_superuser or person.is_support:
        raise NeedsConfirmation
    if is_elsewhere:
        raise SignInFailed("sso_other_account")
    return person, []


def _may_create(provider: SsoProvider, email: str) -> bool:
    if provider.organization_id is None:
        return domain_of(email) in settings.PORTAL_SSO_DOMAINS
    return provider.adds_members


def _invites(provider: SsoProvider, email: str, invitation: Invitation | None) -> bool:
    """Whether an open invitation of an organization for which the provider speaks is for this address."""
    if invitation is None or invitation.email != email:
        return False
    return provider.organization_id in (None, invitation.organization_id)


def _accept(provider: SsoProvider, person: User, invitation: Invitation | None, *, by: Actor) -> bool:
    """Accept the invitation of the provider's own organization, if it is for this person. One of another organization
    is accepted on its page, which a session of the portal's provider opens."""
    is_own = invitation is not None and provider.organization_id == invitation.organization_id
    if invitation is None or not is_own or not _invites(provider, person.email, invitation):
        return False
    accept_by_sso(invitation, person, by=by)
    return True


def _is_elsewhere(provider: SsoProvider, person: User) -> bool:
    """Whether the person belongs to an organization for which this provider doesn't speak, or came by another one."""
    if provider.organization_id is None:
        return False
    memberships = Membership.objects.filter(user=person).exclude(organization=provider.organization_id)
    others = LinkedIdentity.objects.filter(person=person).exclude(provider=provider)
    return memberships.exists() or others.exists()


def _refuse_staff(provider: SsoProvider, person: User) -> None:
    """Raise SignInFailed for operators and support: at an organization's provider always, at the portal's while they
    have no second factor here. Otherwise it could set one up for itself, and be them from then on."""
    is_staff = person.is_staff or person.is_superuser or person.is_support
    if is_staff and provider.organization_id is not None:
        raise SignInFailed("sso_staff")
    if is_staff and not is_protected(person.second_factors):
        raise SignInFailed("sso_staff_factor")


def _belong(provider: SsoProvider, person: User, *, may_join: bool) -> str:
    """Make the person a member of the provider's organization if they are none; return the role that they got, empty if
    nothing changed. Raises SignInFailed."""
    if provider.organization_id is None:
        return ""
    if Membership.objects.filter(organization=provider.organization_id, user=person).exists():
        return ""
    organization_id = OrganizationId(provider.organization_id)
    if not provider.adds_members or not may_join or was_removed(person, organization_id):
        raise SignInFailed("sso_not_member")
    if quotas.lock_organization(organization_id).suspended_at is not None:
        raise SignInFailed("sso_organization_suspended")
    Membership.objects.create(organization_id=organization_id, user=person, role=provider.default_role)
    return provider.default_role


def _record(provider: SsoProvider, person: User, actions: list[str], *, joined: str, by: Actor) -> None:
    """Record what a sign-in changed, the organization's activity first."""
    if "account.identity_linked" in actions:
        send_notice(person, "identity_linked", by=by, details={"provider": provider.issuer})
    if joined and provider.organization_id is not None:
        record(
            by,
            "team.added",
            Target("member", person.pk, person.email),
            organization_id=OrganizationId(provider.organization_id),
            detail=f"as {joined}, by single sign-on",
            after={"role": joined},
        )
    for action in actions:
        record_for_person(person, action, by=by, detail=provider.issuer)
