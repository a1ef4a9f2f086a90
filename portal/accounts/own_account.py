"""What people do with their own account: its name, and deleting it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from groups.rules import quotas
from portal.accounts import authority
from portal.accounts.notices import send_notice
from portal.audit.sign_ins import organizations_of
from portal.models import Membership, Organization, User
from portal.organizations.holdings import end_holdings, record_end
from portal.organizations.rules import is_last_owner
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.refusal import Refusal


class NotDeleted(Refusal):
    """The account is needed."""

    code = "account_needed"
    title = "Your account can't be deleted yet"


@dataclass(frozen=True)
class Departure:
    """What an account's deletion means for one organization. `is_last_owner`: nobody else owns it."""

    organization: Organization
    role: str
    is_last_owner: bool


def departures_of(person: User) -> list[Departure]:
    """Return the person's organizations in the order of their keys."""
    rows = Membership.objects.filter(user=person).select_related("organization").order_by("organization_id")
    return [Departure(row.organization, row.role, is_last_owner(row)) for row in rows]


def rename_self(person: User, *, first_name: str, last_name: str, by: Actor) -> bool:
    """Change the person's name. Returns whether it was different. Raises AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        before = {"first_name": row.first_name, "last_name": row.last_name}
        after = {"first_name": first_name, "last_name": last_name}
        if before == after:
            return False
        User.objects.filter(pk=row.pk).update(**after)
        target = Target("person", row.pk, row.email)
        record(by, "account.changed", target, organization_id=None, detail="name", before=before, after=after)
    return True


def delete_account(person: User, *, by: Actor) -> None:
    """Delete the person's own account: memberships, second factors, links and sessions end, and so do their API keys
    and open invitations. What they created stays, and so does the activity. Raises NotDeleted for an operator's
    or support's account and for the last owner of an organization, and AccountAltered."""
    with transaction.atomic():
        for organization_id in organizations_of(person.pk):
            quotas.lock_organization(organization_id)
        row = authority.lock(person.pk)
        if row.is_staff or row.is_superuser or row.is_support:
            raise NotDeleted("You are an operator or support. Ask another operator to take that role from you first.")
        departures = departures_of(row)
        if owned := [departure.organization.name for departure in departures if departure.is_last_owner]:
            raise NotDeleted(f"You are the last owner of {', '.join(owned)}. Make somebody else owner first.")
        organization_ids = [departure.organization.pk for departure in departures]
        ended = {organization_id: end_holdings(row.pk, organization_id) for organization_id in organization_ids}
        target = Target("person", row.pk, row.email)
        send_notice(row, "account_deleted", by=by)
        row.delete()
        for organization_id, what in ended.items():
            record_end(what, organization_id, by=by)
            record(by, "account.deleted", target, organization_id=organization_id, detail=what.in_words)
        record(by, "account.deleted", target, organization_id=None)
