"""Leaving when the provider says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core import mail
from django.utils import timezone

from portal.accounts.actions import change_person
from portal.accounts.sso import clients, exchange, withdrawal
from portal.accounts.sso.withdrawal import check
from portal.models import LinkedIdentity, Role, SsoProvider, User
from portal.organizations.actions import remove
from portal.organizations.api_keys import create_key
from portal.organizations.invitations import invite
from registries.foundation.actor import PORTAL
from tests.support.actors import acting
from tests.support.identity_providers import SsoBrowser, asked, code_on, know, provider_of, tell, verified_domain
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db


def later() -> Any:
    """The identity, as if its next check were due."""
    LinkedIdentity.objects.update(refresh_checked_at=timezone.now() - timedelta(hours=2))
    return LinkedIdentity.objects.get().pk


def refused_before() -> None:
    LinkedIdentity.objects.update(refused_since=timezone.now() - timedelta(hours=2))


def test_an_account_that_is_there_stays(dora: SsoBrowser, lying_issuer: str) -> None:
    tell(lying_issuer)
    assert check(later()) == "there"
    assert asked(lying_issuer)[-1]["refresh_token"] == "r-1"
    assert check(later()) == "there"
    assert asked(lying_issuer)[-1]["refresh_token"] == "r-2", "the provider may rotate it"
    assert check(LinkedIdentity.objects.get().pk) == "", "it is asked once an hour"


def test_an_account_that_is_gone_ends_the_membership(
    dora: SsoBrowser, acme: Any, lying_issuer: str, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    person = User.objects.get(email="dora@acme.example")
    acme.memberships.filter(user=person).update(role="owner")
    key, _ = create_key(organization_id=acme.pk, name="ci", scope="read", by=acting(person))
    tell(lying_issuer, "invalid_grant")
    assert check(later()) == "refused", "once is not enough"
    assert acme.memberships.filter(user__email="dora@acme.example").exists()
    refused_before()
    with django_capture_on_commit_callbacks(execute=True):
        assert check(later()) == "withdrawn"
    assert not acme.memberships.filter(user__email="dora@acme.example").exists()
    assert actions_of(acme)[-2:] == ["team.removed", "key.revoked"]
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert [sent.to for sent in mail.outbox] == [["dora@acme.example"]]
    assert dora.client.get("/o/acme/")["Location"].startswith("/accounts/login/")
    assert withdrawal.sweep() == 0, "nothing is left to ask"


def test_who_comes_back_gets_the_default_role(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    acme.memberships.filter(user__email="dora@acme.example").update(role="member")
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "withdrawn"
    tell(lying_issuer, "", email="dora@acme.example")
    assert SsoBrowser().sign_in("acme").status_code == 302
    assert acme.memberships.get(user__email="dora@acme.example").role == Role.VIEWER


def test_who_was_removed_before_does_not_come_back(dora: SsoBrowser, acme: Any, alice: Any, lying_issuer: str) -> None:
    """They revoke at the provider what they granted the portal, wait until that counts as gone, and sign in again."""
    remove(acme.memberships.get(user__email="dora@acme.example"), by=acting(alice))
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "withdrawn"
    tell(lying_issuer, "", email="dora@acme.example")
    assert code_on(SsoBrowser().sign_in("acme")) == "sso_not_member"
    assert not acme.memberships.filter(user__email="dora@acme.example").exists()


def test_an_invitation_that_they_have_not_answered_ends(
    dora: SsoBrowser, acme: Any, alice: Any, lying_issuer: str
) -> None:
    membership = acme.memberships.get(user__email="dora@acme.example")
    acme.memberships.filter(pk=membership.pk).delete()
    invitation, _ = invite(acme, email="dora@acme.example", role="owner", by=acting(alice))
    membership.save(force_insert=True)
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "withdrawn"
    invitation.refresh_from_db()
    assert invitation.withdrawn_at is not None


def test_a_refusal_that_passes_is_forgotten(dora: SsoBrowser, lying_issuer: str) -> None:
    tell(lying_issuer, "invalid_grant")
    assert check(later()) == "refused"
    tell(lying_issuer)
    assert check(later()) == "there"
    assert LinkedIdentity.objects.get().refused_since is None


@pytest.mark.parametrize(
    "lie", ["server_error", "invalid_client", "token_redirects", "discovery_issuer", "token_endless"]
)
def test_a_provider_that_is_broken_ends_nothing(dora: SsoBrowser, acme: Any, lying_issuer: str, lie: str) -> None:
    tell(lying_issuer, lie)
    refused_before()
    assert check(later()).startswith("sso_")
    assert acme.memberships.filter(user__email="dora@acme.example").exists()


def test_a_token_that_was_perhaps_replaced_ends_sessions_only(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    """The answer with the next token never arrived whole, and the provider refuses the old one from then on."""
    tell(lying_issuer, "token_endless")
    assert check(later()) == "sso_answer_too_large"
    tell(lying_issuer, "server_error")
    assert check(later()) == "sso_token_refused"
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "lost"
    assert acme.memberships.filter(user__email="dora@acme.example").exists()
    assert dora.client.get("/o/acme/").status_code == 302, "the next sign-in shows whether the account is there"
    assert check(later()) == "", "the token is gone"
    tell(lying_issuer, "", email="dora@acme.example")
    assert SsoBrowser().sign_in("acme").status_code == 302
    assert check(later()) == "there"


def test_a_token_that_is_accepted_after_a_lost_answer_was_not_replaced(
    dora: SsoBrowser, acme: Any, lying_issuer: str
) -> None:
    tell(lying_issuer, "token_endless")
    assert check(later()) == "sso_answer_too_large"
    tell(lying_issuer)
    assert check(later()) == "there"
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "withdrawn"


@pytest.mark.parametrize("brings_a_token", [True, False])
def test_a_sign_in_while_the_provider_is_asked_ends_no_membership(
    dora: SsoBrowser, acme: Any, lying_issuer: str, monkeypatch: pytest.MonkeyPatch, brings_a_token: bool
) -> None:
    tell(lying_issuer, "invalid_grant")
    refused_before()
    lock = withdrawal.withdraw

    def a_sign_in_later(*args: Any, **named: Any) -> bool:
        tell(lying_issuer, "", email="dora@acme.example")
        kept = LinkedIdentity.objects.values("refresh").get()
        assert SsoBrowser().sign_in("acme").status_code == 302
        if not brings_a_token:
            LinkedIdentity.objects.update(**kept)
        return lock(*args, **named)

    monkeypatch.setattr(withdrawal, "withdraw", a_sign_in_later)
    assert check(later()) == ""
    assert acme.memberships.filter(user__email="dora@acme.example").exists()


def test_a_claim_that_is_missing_at_the_next_sign_in_ends_it(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    provider = SsoProvider.objects.get()
    provider.required_claim, provider.required_value = "groups", "staff"
    provider.mark = clients.settings_mark(provider)
    provider.save()
    assert code_on(SsoBrowser().sign_in("acme")) == "sso_requirement"
    assert not acme.memberships.filter(user__email="dora@acme.example").exists()
    assert dora.client.get("/o/acme/").status_code == 302


def test_a_claim_that_is_missing_confirms_no_identity_that_somebody_wrote(
    acme: Any, alice: Any, mallory: Any, lying_issuer: str
) -> None:
    """An account of mallory's provider is linked to alice past the portal, and lacks the claim once."""
    umbrella = mallory.organizations.get()
    row = provider_of(umbrella, lying_issuer, adds_members=True, required_claim="groups", required_value="staff")
    LinkedIdentity.objects.create(provider=row, person=alice, subject="s-9")
    tell(lying_issuer, "", sub="s-9", groups=[])
    assert code_on(SsoBrowser().sign_in("umbrella")) == "sso_requirement"
    tell(lying_issuer, "", sub="s-9", groups=["staff"])
    assert code_on(SsoBrowser().sign_in("umbrella")) == "sso_identity_altered"


def test_a_lost_token_confirms_no_identity_that_somebody_wrote(
    dora: SsoBrowser, alice: Any, lying_issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(lying_issuer, "invalid_grant")
    LinkedIdentity.objects.update(refresh_unanswered=True)
    ask = exchange.post_to_token_endpoint

    def answered_slowly(*args: Any) -> Any:
        LinkedIdentity.objects.update(person=alice)  # past the portal
        return ask(*args)

    monkeypatch.setattr("portal.accounts.sso.withdrawal.post_to_token_endpoint", answered_slowly)
    assert check(later()) == "sso_identity_altered"
    tell(lying_issuer, "", email="dora@acme.example")
    assert code_on(SsoBrowser().sign_in("acme")) == "sso_identity_altered"


def test_the_last_owner_stays_a_member(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    """A provider can't take an organization away from everybody."""
    acme.memberships.exclude(user__email="dora@acme.example").delete()
    acme.memberships.update(role="owner")
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "withdrawn"
    assert acme.memberships.get().user == User.objects.get(email="dora@acme.example")
    assert dora.client.get("/o/acme/").status_code == 302, "the session is over all the same"


def test_an_owner_who_can_not_sign_in_takes_nobodys_place(
    dora: SsoBrowser, acme: Any, alice: Any, lying_issuer: str
) -> None:
    """The other owner is deactivated: the organization would have nobody."""
    acme.memberships.filter(user__email="dora@acme.example").update(role="owner")
    change_person(alice, {"is_active": False}, by=PORTAL)
    tell(lying_issuer, "invalid_grant")
    refused_before()
    assert check(later()) == "withdrawn"
    assert acme.memberships.filter(user__email="dora@acme.example", role="owner").exists()


def test_a_refresh_token_of_another_identity_is_not_used(dora: SsoBrowser, lying_issuer: str, acme: Any) -> None:
    tell(lying_issuer, "", email="emil@acme.example", sub="s-2")
    assert SsoBrowser().sign_in("acme").status_code == 302
    first, second = LinkedIdentity.objects.order_by("subject")
    LinkedIdentity.objects.filter(pk=first.pk).update(refresh=second.refresh)
    LinkedIdentity.objects.update(refresh_checked_at=None)
    assert check(first.pk) == "sso_identity_altered"


def test_the_real_provider_revokes(real_issuer: str, acme: Any) -> None:
    verified_domain(acme)
    provider_of(acme, real_issuer, adds_members=True)
    know(real_issuer, "frida", email="frida@acme.example", email_verified=True)
    assert SsoBrowser("frida").sign_in("acme").status_code == 302
    assert check(later()) == "there"
    requests.post(f"{real_issuer}/users/frida/revoke-tokens", timeout=10).raise_for_status()
    refused_before()
    assert check(later()) == "withdrawn"
