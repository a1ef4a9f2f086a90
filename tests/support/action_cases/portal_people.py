"""Cases of the actions on organizations, members, accounts, API keys, webhooks and email preferences."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial

from allauth.account.models import EmailAddress
from django.utils import timezone

from groups.models import Occurrence
from portal.accounts import actions as person_actions
from portal.accounts import address_change, factor_actions, own_account, password_links, session_actions
from portal.accounts.address_proof import set_address_proof
from portal.models import (
    AddressProof,
    ApiKey,
    BrowserSession,
    Invitation,
    Membership,
    Notice,
    Organization,
    SignInLimit,
    User,
    Webhook,
)
from portal.notifications import subscriptions, webhooks
from portal.notifications.webhooks import bound_to
from portal.organizations import actions, api_key_rows, api_keys, factor_requirement, invitations
from registries.foundation.actor import CONSOLE, PORTAL
from registries.foundation.ids import WebhookId
from registries.secrets import at_rest, one_time
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


def _key(cast: Cast) -> ApiKey:
    row = ApiKey(organization=cast.acme, name="ci", prefix="drayage_abcdef", key_hash=uuid.uuid4().hex)
    row.seal = one_time.seal_of(row.key_hash, Purpose.API_KEY, *api_key_rows.sealed_columns(row))
    row.save()
    return row


def _webhook(cast: Cast, **values: object) -> Webhook:
    address, key = "https://hooks.example.com/", WebhookId(uuid.uuid4())
    secret = at_rest.encrypt(b"whsec_x", bound_to=bound_to(key, cast.acme.pk, address))
    return Webhook.objects.create(
        id=key, organization=cast.acme, address=address, kinds=["group.failed"], secret=secret, **values
    )


def _end_session(cast: Cast) -> Call:
    browser = BrowserSession.objects.create(person=cast.bob, row_key=uuid.uuid4().hex, device="Firefox on Linux")
    return partial(session_actions.end_session, browser, by=acting(cast.bob))


def _end_all_sessions(cast: Cast) -> Call:
    return partial(session_actions.end_all_sessions, cast.bob, by=acting(cast.bob))


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


def _create_key(cast: Cast) -> Call:
    return partial(api_keys.create_key, organization_id=cast.acme.pk, name="ci", scope="write", by=acting(cast.alice))


def _rotate_key(cast: Cast) -> Call:
    return partial(api_keys.rotate, _key(cast), by=acting(cast.alice))


def _revoke_key(cast: Cast) -> Call:
    return partial(api_keys.revoke, _key(cast), by=acting(cast.alice))


def _take_over_key(cast: Cast) -> Call:
    return partial(api_keys.take_over, _key(cast), by=acting(cast.alice))


def _add_webhook(cast: Cast) -> Call:
    return partial(
        webhooks.add, cast.acme, address="https://hooks.example.com/", kinds=["group.ready"], by=acting(cast.bob)
    )


def _change_webhook(cast: Cast) -> Call:
    return partial(webhooks.change, _webhook(cast), kinds=["group.ready"], paused=True, by=acting(cast.bob))


def _rotate_webhook(cast: Cast) -> Call:
    return partial(webhooks.rotate, _webhook(cast), by=acting(cast.bob))


def _pause_webhook(cast: Cast) -> Call:
    return partial(webhooks.pause, _webhook(cast), by=acting(cast.bob))


def _switch_off_webhook(cast: Cast) -> Call:
    return partial(webhooks.switch_off, _webhook(cast).pk, Webhook.Off.FAILING, by=PORTAL)


def _resume_webhook(cast: Cast) -> Call:
    paused = _webhook(cast, off_since=timezone.now(), off_because="paused")
    return partial(webhooks.resume, paused, by=acting(cast.bob))


def _delete_webhook(cast: Cast) -> Call:
    return partial(webhooks.delete, _webhook(cast), by=acting(cast.bob))


def _test_webhook(cast: Cast) -> Call:
    return partial(webhooks.test, _webhook(cast), by=acting(cast.bob))


def _send_again(cast: Cast) -> Call:
    occurrence = Occurrence.objects.create(organization=cast.acme, kind="group.failed", group_name="web")
    notice = Notice.objects.create(
        occurrence=occurrence, webhook=_webhook(cast), due_at=timezone.now(), status="failed", attempts=7
    )
    return partial(webhooks.send_again, notice, by=acting(cast.bob))


def _choose_emails(cast: Cast) -> Call:
    return partial(subscriptions.choose_emails, cast.acme.pk, {"group.failed": "all"}, by=acting(cast.bob))


def _create_person(cast: Cast) -> Call:
    return partial(person_actions.create_person, "nina@drayage.example", None, is_staff=True, by=acting(cast.olga))


def _change_person(cast: Cast) -> Call:
    changes: dict[str, str | bool] = {"is_active": False, "email": "robert@acme.example"}
    return partial(person_actions.change_person, cast.bob, changes, by=acting(cast.olga))


def _set_password(cast: Cast) -> Call:
    return partial(person_actions.set_password, cast.bob, "a long and good sentence", by=acting(cast.bob))


def _add_totp(cast: Cast) -> Call:
    return partial(factor_actions.add_totp, cast.bob, second_factors.SECRET, by=acting(cast.bob))


def _add_passkey(cast: Cast) -> Call:
    passkey = factor_actions.NewPasskey(name="Laptop", credential={}, sign_count=0, is_passwordless=True)
    return partial(factor_actions.add_passkey, cast.bob, passkey, by=acting(cast.bob))


def _rename_passkey(cast: Cast) -> Call:
    row = second_factors.add_passkey_row(cast.bob)
    return partial(factor_actions.rename_passkey, cast.bob, row.pk, "Phone", by=acting(cast.bob))


def _remove_factor(cast: Cast) -> Call:
    row = second_factors.add_totp(cast.bob).instance
    return partial(factor_actions.remove_factor, cast.bob, row.pk, by=acting(cast.bob))


def _replace_recovery_codes(cast: Cast) -> Call:
    second_factors.add_totp(cast.bob)
    return partial(factor_actions.replace_recovery_codes, cast.bob, by=acting(cast.bob))


def _show_recovery_codes(cast: Cast) -> Call:
    second_factors.add_recovery_codes(cast.bob)
    return partial(factor_actions.show_recovery_codes, cast.bob, by=acting(cast.bob))


def _remove_password(cast: Cast) -> Call:
    second_factors.add_passkey_row(cast.bob, passwordless=True)
    return partial(factor_actions.remove_password, cast.bob, by=acting(cast.bob))


def _reset_factors(cast: Cast) -> Call:
    second_factors.add_totp(cast.bob)
    return partial(factor_actions.reset_factors, cast.bob, "Lost phone", by=acting(cast.olga))


def _confirm_account(cast: Cast) -> Call:
    User.objects.filter(pk=cast.bob.pk).update(is_staff=True)
    cast.bob.refresh_from_db()
    return partial(person_actions.confirm_account, cast.bob, by=acting(cast.olga))


def _set_address_proof(cast: Cast) -> Call:
    unproven = User.objects.create_user("nina@acme.example", "a long and good sentence")
    return partial(set_address_proof, unproven, AddressProof.SSO, by=CONSOLE)


def _request_address(cast: Cast) -> Call:
    return partial(address_change.request_change, cast.bob, "robert@acme.example", by=acting(cast.bob))


def _confirm_address(cast: Cast) -> Call:
    token = address_change.request_change(cast.bob, "robert@acme.example", by=acting(cast.bob))
    return partial(address_change.confirm_change, cast.bob, token, by=acting(cast.bob))


def _rename_self(cast: Cast) -> Call:
    return partial(own_account.rename_self, cast.bob, first_name="Bob", last_name="", by=acting(cast.bob))


def _delete_account(cast: Cast) -> Call:
    return partial(own_account.delete_account, cast.bob, by=acting(cast.bob))


def _issue_link(cast: Cast) -> Call:
    return partial(password_links.issue_link, cast.bob, by=acting(cast.olga))


def _lift_limit(cast: Cast) -> Call:
    limit = SignInLimit.objects.create(kind=SignInLimit.Kind.ACCOUNT, key="k", shown=cast.bob.email, count=10)
    return partial(person_actions.lift_limit, limit, by=acting(cast.olga))


def _save_address(cast: Cast) -> Call:
    address = EmailAddress(user=cast.bob, email="robert@acme.example", verified=True)
    return partial(person_actions.save_address, address, by=acting(cast.olga))


def _remove_address(cast: Cast) -> Call:
    address = EmailAddress.objects.create(user=cast.bob, email="robert@acme.example")
    return partial(person_actions.remove_address, address, by=acting(cast.olga))


CASES = [
    Case("portal.accounts.session_actions.end_session", _end_session),
    Case("portal.accounts.session_actions.end_all_sessions", _end_all_sessions),
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
    Case("portal.notifications.webhooks.add", _add_webhook),
    Case("portal.notifications.webhooks.change", _change_webhook),
    Case("portal.notifications.webhooks.rotate", _rotate_webhook),
    Case("portal.notifications.webhooks.pause", _pause_webhook),
    Case("portal.notifications.webhooks.switch_off", _switch_off_webhook),
    Case("portal.notifications.webhooks.resume", _resume_webhook),
    Case("portal.notifications.webhooks.delete", _delete_webhook),
    Case("portal.notifications.webhooks.test", _test_webhook),
    Case("portal.notifications.webhooks.send_again", _send_again),
    Case("portal.notifications.subscriptions.choose_emails", _choose_emails),
    Case("portal.accounts.actions.create_person", _create_person),
    Case("portal.accounts.actions.change_person", _change_person),
    Case("portal.accounts.actions.set_password", _set_password),
    Case("portal.accounts.factor_actions.add_totp", _add_totp),
    Case("portal.accounts.factor_actions.add_passkey", _add_passkey),
    Case("portal.accounts.factor_actions.rename_passkey", _rename_passkey),
    Case("portal.accounts.factor_actions.remove_factor", _remove_factor),
    Case("portal.accounts.factor_actions.replace_recovery_codes", _replace_recovery_codes),
    Case("portal.accounts.factor_actions.show_recovery_codes", _show_recovery_codes),
    Case("portal.accounts.factor_actions.remove_password", _remove_password),
    Case("portal.accounts.factor_actions.reset_factors", _reset_factors),
    Case("portal.accounts.actions.confirm_account", _confirm_account),
    Case("portal.accounts.address_proof.set_address_proof", _set_address_proof),
    Case("portal.accounts.address_change.request_change", _request_address),
    Case("portal.accounts.address_change.confirm_change", _confirm_address),
    Case("portal.accounts.password_links.issue_link", _issue_link),
    Case("portal.accounts.own_account.rename_self", _rename_self),
    Case("portal.accounts.own_account.delete_account", _delete_account),
    Case("portal.accounts.actions.lift_limit", _lift_limit),
    Case("portal.accounts.actions.save_address", _save_address),
    Case("portal.accounts.actions.remove_address", _remove_address),
]
