"""Leaving when the provider says so: by refresh token, in the worker zone, and by a claim that is missing at sign-in.

A provider may refuse a refresh token once for reasons of its own. So a membership ends only when it was refused twice,
with `REFUSED_FOR` between. Where the answer to an earlier use never arrived, the provider may have replaced the token
by one that was lost: then a refusal says nothing of the account, and only the sessions end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from groups.rules import quotas
from portal.accounts.notices import send_notice
from portal.accounts.sso import identities
from portal.accounts.sso.clients import client_of
from portal.accounts.sso.discovery import read_configuration
from portal.accounts.sso.exchange import post_to_token_endpoint, seal_refresh_token
from portal.accounts.sso.problems import SignInFailed
from portal.accounts.sso.provider_connection import ProviderConnection
from portal.accounts.sso.wakeups import wake_refresh
from portal.audit.sign_ins import record_for_person
from portal.models import LinkedIdentity, Membership
from portal.organizations.holdings import end_holdings, end_invitations_to, record_end
from portal.organizations.rules import is_last_owner
from registries.foundation.activity import Target, record
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.ids import LinkedIdentityId, OrganizationId
from registries.secrets import sign_in_seal
from registries.secrets.sign_in_seal import Sealed, SignInSealBroken

CHECK_EVERY = timedelta(hours=1)
REFUSED_FOR = timedelta(hours=1)
MAX_WOKEN = 200

log = structlog.get_logger(__name__)


def check(identity_id: LinkedIdentityId) -> str:
    """Use the refresh token of an identity. Returns what came of it: `there`, `refused`, `withdrawn`, `lost` if a token
    was refused that may have been replaced, or the code of a problem, after which it is tried again later."""
    due = LinkedIdentity.objects.filter(pk=identity_id, refresh__isnull=False)
    # Taking it: of two workers one asks, because a provider may accept a token once only.
    if not due.filter(_is_due()).update(refresh_checked_at=Now()):
        return ""
    identity = due.select_related("provider", "person").get()
    # A sign-in since then has brought another token, of which this answer says nothing.
    same = LinkedIdentity.objects.filter(pk=identity_id, refresh=identity.refresh)
    try:
        is_there, token = _ask(identity, same)
    except SignInFailed as failure:
        log.warning("sso_refresh_failed", identity=str(identity_id), code=failure.code)
        return failure.code
    if is_there:
        columns: dict[str, object] = {"refused_since": None, "refresh_unanswered": False}
        if token:
            columns["refresh"] = seal_refresh_token(token, identity.provider_id, identity.subject)
        same.update(**columns)
        return "there"
    if identity.refresh_unanswered:
        return _end_lost(same)
    same.filter(refused_since__isnull=True).update(refused_since=Now())
    refused = same.filter(refused_since__lte=Now() - REFUSED_FOR)
    if not refused.exists():
        return "refused"
    reason = "the provider says that the account is gone"
    return "withdrawn" if withdraw(identity, among=refused, reason=reason, by=PORTAL) else ""


def withdraw(
    identity: LinkedIdentity, *, among: QuerySet[LinkedIdentity] | None = None, reason: str, by: Actor
) -> bool:
    """End the membership that an identity gave, with what the person holds there, and the identity's sessions. They may
    come back when the provider lets them in again. An organization's last owner stays a member, without sessions.
    Returns whether anything changed: nothing does where the identity was changed outside the portal, or is no longer
    one of `among`, such as after a sign-in at the same time."""
    with transaction.atomic():
        organization_id = identity.provider.organization_id
        if organization_id is not None:
            quotas.lock_organization(OrganizationId(organization_id))
        rows = LinkedIdentity.objects.all() if among is None else among
        found = rows.select_for_update(of=("self",)).select_related("provider", "person")
        row = found.filter(pk=identity.pk, withdrawn_at__isnull=True).first()
        if row is None or not identities.end_identity_sessions(row):
            return False
        LinkedIdentity.objects.filter(pk=row.pk).update(withdrawn_at=Now(), refresh=None, refused_since=None)
        membership = None if organization_id is None else _removable(OrganizationId(organization_id), row)
        send_notice(row.person, "identity_withdrawn", by=by, details={"provider": row.provider.issuer})
        if membership is not None and organization_id is not None:
            ended = end_holdings(row.person_id, OrganizationId(organization_id))
            received = end_invitations_to(row.person.email, OrganizationId(organization_id))
            ended = replace(ended, invitations=[*ended.invitations, *received])
            membership.delete()
            record(
                by,
                "team.removed",
                Target("member", row.person_id, row.person.email),
                organization_id=OrganizationId(organization_id),
                detail="; ".join(filter(None, (f"was {membership.role}", reason, ended.in_words))),
                before={"role": membership.role},
            )
            record_end(ended, OrganizationId(organization_id), by=by)
        else:
            record(
                by,
                "account.identity_withdrawn",
                Target("person", row.person_id, row.person.email),
                organization_id=None if organization_id is None else OrganizationId(organization_id),
                detail=reason,
            )
    return True


def sweep() -> int:
    """Wake workers for identities whose provider has not been asked for `CHECK_EVERY`. Returns how many."""
    rows = LinkedIdentity.objects.filter(_is_due(), refresh__isnull=False, withdrawn_at__isnull=True)
    due = list(rows.order_by("refresh_checked_at").values_list("pk", flat=True)[:MAX_WOKEN])
    for identity_id in due:
        wake_refresh(identity_id)
    return len(due)


def _is_due() -> Q:
    return Q(refresh_checked_at__isnull=True) | Q(refresh_checked_at__lt=Now() - CHECK_EVERY)


def _end_lost(same: QuerySet[LinkedIdentity]) -> str:
    """End the sessions of an identity whose refresh token may have been replaced by one that was lost: the next sign-in
    shows whether the account is there."""
    with transaction.atomic():
        row = same.select_for_update(of=("self",)).select_related("provider", "person").first()
        if row is None:
            return ""
        if not identities.end_identity_sessions(row):
            return "sso_identity_altered"
        same.update(refresh=None, refused_since=None, refresh_unanswered=False)
        detail = "the provider refused a token that it may have replaced"
        record_for_person(row.person, "account.signed_out_by_provider", by=PORTAL, detail=detail)
    return "lost"


def _ask(identity: LinkedIdentity, same: QuerySet[LinkedIdentity]) -> tuple[bool, str]:
    """Whether the account is there, and the next refresh token if the provider sent one. Raises SignInFailed."""
    if not identities.is_as_left(identity):
        raise SignInFailed("sso_identity_altered")
    client = client_of(identity.provider)
    row = f"{identity.provider_id}|{identity.subject}"
    try:
        token = sign_in_seal.unseal(identity.refresh, Sealed.REFRESH_TOKEN, row)["token"]
    except SignInSealBroken:
        raise SignInFailed("sso_identity_altered") from None
    with ProviderConnection(client.issuer) as connection:
        configuration = read_configuration(connection, client.issuer)
        fields = {"grant_type": "refresh_token", "refresh_token": token}
        same.update(refresh_unanswered=True)
        status, answer = post_to_token_endpoint(connection, configuration, client, fields)
    if status != 200:  # else `check` stores it together with the next token
        same.update(refresh_unanswered=identity.refresh_unanswered)
    if status == 200:
        following = answer.get("refresh_token")
        return True, following if isinstance(following, str) else ""
    if answer.get("error") == "invalid_grant":
        return False, ""
    raise SignInFailed("sso_token_refused")


def _removable(organization_id: OrganizationId, identity: LinkedIdentity) -> Membership | None:
    """The membership, unless nobody else is an owner who can sign in: a provider can't take the last one."""
    row = Membership.objects.filter(organization=organization_id, user=identity.person_id).first()
    return None if row is None or is_last_owner(row) else row
