"""Who of support sees all of a failure, from when and until when; and who may give and withdraw consent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from groups.models import Failure
from portal.models import SupportRequest, User
from portal.support import consent, conversations
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.conversations import SUPPORT, at, failure_of
from tests.support.pulls import make_group


@dataclass(frozen=True)
class Failures:
    """`asked` is bob's question about `mine`, `too` is alice's; `foreign` is Umbrella's, which mallory asked about."""

    mine: Failure
    other: Failure
    foreign: Failure
    asked: SupportRequest
    too: SupportRequest
    about_other: SupportRequest
    theirs: SupportRequest
    general: SupportRequest

    def shared(self) -> list[bool]:
        """Which of the three failures are shared, by every expression of the rule."""
        rows = [self.mine, self.other, self.foreign]
        each = [consent.is_shared(row) for row in rows]
        keys = consent.shared_ids([row.pk for row in rows])
        found = set(Failure.objects.filter(consent.shared()).values_list("pk", flat=True))
        about = SupportRequest.objects.filter(consent.shared("failure")).values_list("failure", flat=True)
        assert [row.pk in keys for row in rows] == [row.pk in found for row in rows] == each
        assert [row.pk in set(about) for row in rows] == each
        return each

    def consents(self) -> list[bool]:
        """What each of the five requests says."""
        rows = [self.asked, self.too, self.about_other, self.theirs, self.general]
        flags = dict(SupportRequest.objects.values_list("pk", "shares"))
        return [flags[row.pk] for row in rows]


@pytest.fixture
def failures(acme: Any, bob: Any, alice: Any, mallory: Any) -> Failures:
    umbrella = mallory.organizations.get()
    mine, foreign = failure_of(acme), failure_of(umbrella)
    other = Failure.objects.create(
        organization=acme,
        group=make_group(acme.projects.get(), "registry.example.com/team/api:1", name="api"),
        group_name="api",
        reference="registry.example.com/team/api:1",
        registry="registry.example.com",
        step="manifest",
        code="image_not_found",
        params={"host": "registry.example.com"},
    )

    def ask(person: Any, failure: Failure | None, organization: Any = acme) -> SupportRequest:
        kind = "failure" if failure else "other"
        return conversations.ask(organization, by=acting(person), kind=kind, failure=failure, message="Why?")

    return Failures(
        mine=mine,
        other=other,
        foreign=foreign,
        asked=ask(bob, mine),
        too=ask(alice, mine),
        about_other=ask(bob, other),
        theirs=ask(mallory, foreign, umbrella),
        general=ask(bob, None),
    )


def desk(browser: Client, failure: Failure) -> str:
    return browser.get(f"/admin/desk/failure/{failure.pk}/").text


def records(action: str) -> list[Any]:
    return [(row[0], row[2]) for row in recorded(action=action)]


def test_consent_is_for_one_failure_until_it_is_withdrawn(failures: Failures, bob: Any, alice: Any) -> None:
    assert failures.shared() == [False, False, False]

    assert consent.share(failures.asked, by=acting(bob))
    assert failures.shared() == [True, False, False]
    assert failures.consents() == [True, False, False, False, False]
    assert consent.shared_ids([failures.other.pk, failures.foreign.pk]) == set()
    assert not consent.share(failures.asked, by=acting(bob))
    assert consent.share(failures.too, by=acting(alice))
    assert consent.share(failures.about_other, by=acting(bob))
    assert records("support.shared") == [
        (bob.email, "the failure of app"),
        (alice.email, "the failure of app"),
        (bob.email, "the failure of api"),
    ]

    assert consent.stop_sharing(failures.mine, by=acting(alice))
    assert failures.shared() == [False, True, False]
    assert failures.consents() == [False, False, True, False, False]
    assert not consent.stop_sharing(failures.mine, by=acting(alice))
    assert records("support.unshared") == [(alice.email, "the failure of app")]

    assert consent.share(failures.asked, by=acting(bob))
    assert failures.shared() == [True, True, False]


def test_consent_goes_with_the_conversation(failures: Failures, bob: Any) -> None:
    consent.share(failures.asked, by=acting(bob))
    failures.asked.delete()

    assert not consent.is_shared(failures.mine)


def test_a_question_without_a_failure_shares_nothing(failures: Failures, acme: Any, bob: Any) -> None:
    assert not consent.share(failures.general, by=acting(bob))
    asked = conversations.ask(acme, by=acting(bob), kind="other", message="And this?", shares=True)

    assert not asked.shares
    assert failures.consents() == [False] * 5
    assert records("support.shared") == []


def test_only_an_active_operator_sees_everything(failures: Failures, sam: Any, olga: Any, bob: Any) -> None:
    gone = User.objects.create_superuser("oscar@drayage.example", "x", is_active=False)
    staff = User.objects.create_user("stan@drayage.example", is_staff=True)
    people = {"olga": olga, "oscar, who left": gone, "sam": sam, "stan": staff, "bob": bob}

    assert [name for name, person in people.items() if consent.is_operator(person)] == ["olga"]
    assert not consent.is_operator(AnonymousUser())
    assert [name for name, person in people.items() if consent.sees_all(person, failures.mine)] == ["olga"]

    consent.share(failures.asked, by=acting(bob))
    assert consent.sees_all(sam, failures.mine)
    assert not consent.sees_all(sam, failures.other)
    assert not consent.sees_all(sam, failures.foreign)


def test_the_desk_shows_one_failure_from_consent_to_withdrawal(
    failures: Failures, support: Client, operator: Client, member: Client
) -> None:
    def shown(browser: Client) -> list[bool]:
        rows = (failures.mine, failures.other, failures.foreign)
        return [row.reference in desk(browser, row) for row in rows]

    assert shown(support) == [False, False, False]
    assert shown(operator) == [True, True, True]

    member.post(f"{at(failures.asked)}share/")
    assert shown(support) == [True, False, False]
    page = support.get(f"/admin/desk/request/{failures.too.pk}/").text
    assert failures.mine.reference in page, "also from another question about it"

    member.post(f"{at(failures.too)}stop-sharing/")
    assert shown(support) == [False, False, False]
    assert failures.mine.looks.filter(person__is_superuser=False, saw_all=True).count() == 1


def test_a_viewer_neither_shares_nor_withdraws(failures: Failures, carol: Any, bob: Any, as_user: Any) -> None:
    browser = as_user(carol)
    consent.share(failures.about_other, by=acting(bob))
    before = recorded()

    for address in (
        f"{at(failures.asked)}share/",
        f"{at(failures.about_other)}stop-sharing/",
        f"{SUPPORT}stop-sharing/?failure={failures.other.pk}",
    ):
        assert browser.post(address).status_code == 403

    assert failures.consents() == [False, False, True, False, False]
    assert recorded() == before


def test_nobody_shares_or_withdraws_for_another_organization(
    failures: Failures, member: Client, mallory: Any, as_user: Any
) -> None:
    consent.share(failures.theirs, by=acting(mallory))
    before = recorded()
    their_page = SUPPORT.replace("acme", "umbrella")

    for address in (
        f"{SUPPORT}{failures.theirs.pk}/stop-sharing/",
        f"{SUPPORT}stop-sharing/?failure={failures.foreign.pk}",
        f"{their_page}stop-sharing/?failure={failures.foreign.pk}",
        f"{their_page}{failures.theirs.pk}/stop-sharing/",
        f"{SUPPORT}stop-sharing/?failure={uuid.uuid4()}",
    ):
        assert member.post(address).status_code == 404, address
    stranger = as_user(mallory)
    assert stranger.post(f"{at(failures.asked)}share/").status_code == 404
    assert stranger.post(f"{their_page}{failures.asked.pk}/share/").status_code == 404

    assert failures.consents() == [False, False, False, True, False]
    assert recorded() == before


def test_what_is_shown_without_consent_names_no_customer(failures: Failures) -> None:
    failures.mine.provider = "quay"
    assert consent.kind_of(failures.mine) == "Quay.io"
    failures.mine.provider, failures.mine.registry = "", "ghcr.io"
    assert consent.kind_of(failures.mine) == "GitHub"
    failures.mine.provider, failures.mine.registry = "of another version", "registry.acme-secret.example"
    assert consent.kind_of(failures.mine) == "Other registry"
    assert consent.title_of("authentication_failed") == "The registry did not accept the credentials"
    assert "acme" not in consent.title_of("of another version acme")
