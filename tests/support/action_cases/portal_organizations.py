"""Cases of the actions on organizations, their members, invitations and API keys."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial

from django.utils import timezone

from portal.models import (
    AddressProof,
    ApiKey,
    Invitation,
    Membership,
    Organization,
    User,
)
from portal.organizations import actions, api_key_rows, api_keys, factor_requirement, invitations
from registries.foundation.actor import CONSOLE
from registries.secrets import one_time
from registries.secrets.one_time import Purpose
from tests.support import second_factors
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting


def _membership(cast: Cast) -> Membership:
    membership: Membership = cast.acme.memberships.get(user=cast.bob)
    return membership


def _invitation(cast: Cast, email: str) -> Invitation:
    return Invitation.objects.create(
        organization=cast.acme,
        email=email,
        role="member",
        token_hash=one_time.digest_of(email, Purpose.INVITATION),
        expires_at=timezone.now() + timedelta(days=1),
    )


def _create_organization(cast: Cast) -> Call:
    owner = actions.NewPerson("nina@new.example", "a long and good sentence")
    return partial(actions.create_organization, slug="new", name="New", owner=owner, by=CONSOLE)


def _rename_organization(cast: Cast) -> Call:
    return partial(actions.rename_organization, cast.acme, name="Acme & Sons", by=acting(cast.olga))


def _require_factors(cast: Cast) -> Call:
    second_factors.add_totp(cast.alice)
    return partial(factor_requirement.require_factors, cast.acme, grace_days=7, by=acting(cast.alice))


def _stop_requiring_factors(cast: Cast) -> Call:
    Organization.objects.filter(pk=cast.acme.pk).update(second_factor_required_from=timezone.now())
    return partial(factor_requirement.stop_requiring_factors, cast.acme, by=acting(cast.alice))


def _add_project(cast: Cast) -> Call:
    return partial(actions.add_project, cast.acme, slug="staging", name="Staging", by=acting(cast.olga))


def _invite(cast: Cast) -> Call:
    _invitation(cast, "nina@acme.example")  # an earlier one, which ends
    return partial(invitations.invite, cast.acme, email="nina@acme.example", role="viewer", by=acting(cast.alice))


def _withdraw(cast: Cast) -> Call:
    return partial(invitations.withdraw, _invitation(cast, "nina@acme.example"), by=acting(cast.alice))


def _accept(cast: Cast) -> Call:
    return partial(invitations.accept, _invitation(cast, cast.mallory.email), by=acting(cast.mallory))


def _accept_by_sso(cast: Cast) -> Call:
    invitation = _invitation(cast, cast.mallory.email)
    return partial(invitations.accept_by_sso, invitation, cast.mallory, by=acting(cast.mallory))


def _accept_as_new(cast: Cast) -> Call:
    invitation = _invitation(cast, "nina@acme.example")
    return partial(invitations.accept_as_new, invitation, "a long and good sentence", by=acting(cast.alice))


def _accept_and_prove(cast: Cast) -> Call:
    User.objects.create_user("nina@acme.example", "a long and good sentence")
    invitation, _ = invitations.invite(
        cast.acme, email="nina@acme.example", role="viewer", proof=AddressProof.MAIL, by=acting(cast.alice)
    )
    return partial(invitations.accept_and_prove, invitation, "another good sentence", by=acting(cast.alice))


def _add_member(cast: Cast) -> Call:
    return partial(actions.add_member, cast.acme, cast.mallory, role="owner", by=acting(cast.olga))


def _change_role(cast: Cast) -> Call:
    return partial(actions.change_role, _membership(cast), "viewer", by=acting(cast.alice))


def _remove(cast: Cast) -> Call:
    return partial(actions.remove, _membership(cast), by=acting(cast.alice))


def _leave(cast: Cast) -> Call:
    return partial(actions.leave, _membership(cast), by=acting(cast.bob))


def _key(cast: Cast) -> ApiKey:
    row = ApiKey(organization=cast.acme, name="ci", prefix="drayage_abcdef", key_hash=uuid.uuid4().hex)
    row.seal = one_time.seal_of(row.key_hash, Purpose.API_KEY, *api_key_rows.sealed_columns(row))
    row.save()
    return row


def _create_key(cast: Cast) -> Call:
    return partial(api_keys.create_key, organization_id=cast.acme.pk, name="ci", scope="write", by=acting(cast.alice))


def _rotate_key(cast: Cast) -> Call:
    return partial(api_keys.rotate, _key(cast), by=acting(cast.alice))


def _revoke_key(cast: Cast) -> Call:
    return partial(api_keys.revoke, _key(cast), by=acting(cast.alice))


def _take_over_key(cast: Cast) -> Call:
    return partial(api_keys.take_over, _key(cast), by=acting(cast.alice))


CASES = [
    Case("portal.organizations.actions.create_organization", _create_organization),
    Case("portal.organizations.actions.rename_organization", _rename_organization),
    Case("portal.organizations.factor_requirement.require_factors", _require_factors),
    Case("portal.organizations.factor_requirement.stop_requiring_factors", _stop_requiring_factors),
    Case("portal.organizations.actions.add_project", _add_project),
    Case("portal.organizations.invitations.invite", _invite),
    Case("portal.organizations.invitations.withdraw", _withdraw),
    Case("portal.organizations.invitations.accept", _accept),
    Case("portal.organizations.invitations.accept_as_new", _accept_as_new),
    Case("portal.organizations.invitations.accept_and_prove", _accept_and_prove),
    Case("portal.organizations.invitations.accept_by_sso", _accept_by_sso),
    Case("portal.organizations.actions.add_member", _add_member),
    Case("portal.organizations.actions.change_role", _change_role),
    Case("portal.organizations.actions.remove", _remove),
    Case("portal.organizations.actions.leave", _leave),
    Case("portal.organizations.api_keys.create_key", _create_key),
    Case("portal.organizations.api_keys.rotate", _rotate_key),
    Case("portal.organizations.api_keys.take_over", _take_over_key),
    Case("portal.organizations.api_keys.revoke", _revoke_key),
]
