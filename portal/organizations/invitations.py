"""Actions on invitations: invite, withdraw, accept. Only a digest of an invitation's token is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from groups.rules import quotas
from portal.accounts import authority
from portal.accounts.address_proof import prove
from portal.audit.sign_ins import organizations_of
from portal.models import AddressProof, Invitation, Membership, Organization, User
from portal.models.invitation import InvitationQuerySet
from portal.models.user import canonical_email
from portal.organizations.errors import TeamRefused
from portal.organizations.invitation_links import sealed_columns
from portal.organizations.rules import refuse_member, require_able_to_join, require_active, require_owner
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.clock import database_now
from registries.foundation.ids import UserId
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

INVITATION_DAYS = 7
MAX_INVITATIONS_A_DAY = 50
TOKEN_PREFIX = "dri_"  # noqa: S105 (makes a leaked one recognisable)


class InvitationOver(TeamRefused):
    """The invitation can no longer be accepted, or not by this person."""

    code = "invitation_over"
    title = "This invitation can't be accepted"


def invite(
    organization: Organization, *, email: str, role: str, proof: AddressProof = AddressProof.NONE, by: Actor
) -> tuple[Invitation, str]:
    """Create an invitation; return it with its token, which is not stored. `proof` is what opening the link shows about
    the address: MAIL if nobody but the mail server gets the token. It replaces an open invitation to the same address.
    Raises TeamRefused if the address is a member's, and after MAX_INVITATIONS_A_DAY within 24 hours, and
    NoLongerOwner."""
    email = canonical_email(email)
    now = database_now()
    token = one_time.new(TOKEN_PREFIX)
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        require_owner(by, organization.pk)
        refuse_member(organization, email)
        rows = Invitation.objects.filter(organization=organization)
        if rows.filter(created_at__gt=now - timedelta(days=1)).count() >= MAX_INVITATIONS_A_DAY:
            raise TeamRefused(f"{MAX_INVITATIONS_A_DAY} invitations were sent within a day. Try again tomorrow.")
        replaced = _end_open(rows.filter(email=email), at=now)
        row = Invitation(
            organization=organization,
            email=email,
            role=role,
            proof=proof,
            token_hash=one_time.digest_of(token, Purpose.INVITATION),
            invited_by_id=by.person_id,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )
        row.seal = one_time.seal_of(row.token_hash, Purpose.INVITATION, *sealed_columns(row))
        row.save(force_insert=True)
        record(
            by,
            "team.invited",
            Target("invitation", row.pk, email),
            organization_id=organization.pk,
            detail=f"as {role}, in place of an earlier invitation" if replaced else f"as {role}",
            before={"invitations": replaced} if replaced else None,
            after={"role": role, "invitations": [str(row.pk)]} if replaced else {"role": role},
        )
    return row, token


def withdraw(invitation: Invitation, *, by: Actor) -> bool:
    """Withdraw an invitation. Returns whether it was open."""
    with transaction.atomic():
        if not Invitation.objects.open().filter(pk=invitation.pk).update(withdrawn_at=Now()):
            return False
        record(
            by,
            "team.withdrawn",
            Target("invitation", invitation.pk, invitation.email),
            organization_id=invitation.organization_id,
        )
    return True


def accept(invitation: Invitation, *, by: Actor) -> Membership:
    """Make the person who acts a member. Raises InvitationOver if the invitation is for somebody else, or was used,
    withdrawn or has expired; AddressUnproven if their address is not proven; AccountDeactivated."""
    with transaction.atomic():
        quotas.lock_organization(invitation.organization_id)
        person = User.objects.filter(pk=by.person_id or UserId(0)).first()
        if person is None or person.email.lower() != invitation.email:
            raise InvitationOver(f"This invitation is for {invitation.email}.")
        require_able_to_join(person)
        membership, is_new = _join(invitation, person)
        _record_joining(membership, detail="" if is_new else "was a member already", by=by)
    return membership


def accept_as_new(invitation: Invitation, password: str, *, by: Actor) -> User:
    """Create an account with the invitation's address and make it a member; its address is as proven as the invitation
    says. `by` is whoever opened the link; the activity names the new person. Raises InvitationOver as `accept` does,
    and if the address has an account."""
    with transaction.atomic():
        quotas.lock_organization(invitation.organization_id)
        try:
            with transaction.atomic():
                person = User.objects.create_user(invitation.email, password, address_proof=invitation.proof)
        except IntegrityError:  # another organization's invitation may have been accepted at the same time
            raise InvitationOver("An account with this address was created since. Sign in to accept.") from None
        membership, _ = _join(invitation, person)
        joined = _as_actor(person, by)
        _record_joining(membership, by=joined)
        record(joined, "account.created", Target("person", person.pk, person.email), organization_id=None)
    return person


def accept_and_prove(invitation: Invitation, password: str, *, by: Actor) -> User:
    """Give an account whose address nobody had proven to the person who opened the mailed link, with this password, and
    make it a member. What the person before could sign in with ends. `by` is who opened the link; the activity names
    the account. Raises InvitationOver as `accept` does, if the link proves nothing and if the address is proven;
    AccountDeactivated; AccountAltered."""
    with transaction.atomic():
        quotas.lock_organization(invitation.organization_id)
        person = User.objects.filter(email=invitation.email).first()
        row = authority.lock(person.pk) if person is not None else None
        if row is None or row.address_proof or not invitation.proof:
            raise InvitationOver("The address of this account was verified since. Sign in to accept.")
        require_active(row)
        prove(row, AddressProof(invitation.proof))
        row.set_password(password)
        authority.store(row, "password")
        membership, is_new = _join(invitation, row)
        joined = _as_actor(row, by)
        for organization_id in (*organizations_of(row.pk), None):
            if organization_id == invitation.organization_id and is_new:
                _record_joining(membership, by=joined)
            target = Target("person", row.pk, row.email)
            record(joined, "account.address_proven", target, organization_id=organization_id)
    return row


def accept_by_sso(invitation: Invitation, person: User, *, by: Actor) -> Membership:
    """Make a person a member whom the identity provider of the invitation's organization, or of the portal, has proved
    to have its address. `by` is whoever opened the link; the activity names the account. Raises InvitationOver as
    `accept` does, and AccountDeactivated."""
    with transaction.atomic():
        quotas.lock_organization(invitation.organization_id)
        if person.email.lower() != invitation.email:
            raise InvitationOver(f"This invitation is for {invitation.email}.")
        require_able_to_join(person)
        membership, is_new = _join(invitation, person)
        detail = "by single sign-on" if is_new else "was a member already"
        _record_joining(membership, detail=detail, by=_as_actor(person, by))
    return membership


def _as_actor(person: User, by: Actor) -> Actor:
    """The person, from where `by` acts."""
    return Actor(
        kind=ActorKind.PERSON,
        id=str(person.pk),
        name=person.email,
        address=by.address,
        device=by.device,
        request_id=by.request_id,
    )


def _end_open(rows: InvitationQuerySet, *, at: datetime) -> list[str]:
    """End those of these invitations that are open. Returns their keys."""
    keys = list(rows.open().select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    if keys:
        rows.filter(pk__in=keys).update(withdrawn_at=at)
    return [str(key) for key in keys]


def _join(invitation: Invitation, person: User) -> tuple[Membership, bool]:
    """Mark the invitation as accepted. Returns the membership and whether it is new. The organization is locked."""
    taken = Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=Now(), accepted_by=person)
    if not taken:
        raise InvitationOver("This invitation has been used or withdrawn.")
    return Membership.objects.get_or_create(
        organization_id=invitation.organization_id, user=person, defaults={"role": invitation.role}
    )


def _record_joining(membership: Membership, *, detail: str = "", by: Actor) -> None:
    record(
        by,
        "team.joined",
        Target("member", membership.user_id, membership.role),
        organization_id=membership.organization_id,
        detail=detail,
        after={"role": membership.role},
    )
