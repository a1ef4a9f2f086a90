"""Asking support, and the conversation that comes of it, as members have it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import Failure
from portal import conversations
from portal.actions import create_organization
from portal.desk import deeds
from portal.models import Activity, Organization, SupportMessage, SupportRequest
from tests.groups.pulls import SECRET, make_credential, make_group

SUPPORT = "/o/acme/support/"
ASK = f"{SUPPORT}ask/"
WANTS_REGISTRY = f"{ASK}?kind=registry"


def failure_of(organization: Organization) -> Failure:
    credential = make_credential(organization, "registry.example.com")
    group = make_group(organization.projects.get(), "registry.example.com/team/app:1", credential=credential)
    return Failure.objects.create(
        organization=organization,
        group=group,
        group_name=group.name,
        reference="registry.example.com/team/app:1",
        registry="registry.example.com",
        step="authenticate",
        code="authentication_failed",
        params={"host": "registry.example.com"},
    )


def at(talk: SupportRequest) -> str:
    return f"{SUPPORT}{talk.pk}/"


def said(talk: SupportRequest) -> list[tuple[str, Any, str]]:
    return [(each.side, each.author, each.text) for each in talk.messages.all()]


def answer(person: Any, talk: SupportRequest, text: str, *, to: str = "solved") -> None:
    """As support does at the desk."""
    deeds.answer(person, talk, was=deeds.last_said(talk), text=text, to=to)


@pytest.fixture
def talk(acme: Any, bob: Any) -> SupportRequest:
    """What bob asked."""
    return conversations.ask(organization=acme, user=bob, kind="other", message="Why?")


def test_a_question(browser: Any, bob: Any, acme: Any) -> None:
    answer = browser.post(ASK, {"message": "Why is <b>this</b> so?"}, follow=True)

    asked = SupportRequest.objects.get()
    assert (asked.organization, asked.user, asked.kind, asked.failure) == (acme, bob, "other", None)
    assert [each.text for each in asked.messages.all()] == ["Why is <b>this</b> so?"]
    assert answer.status_code == 200
    assert "<b>this" not in answer.text


def test_a_second_click_asks_nothing_more(browser: Any, settings: Any, acme: Any, bob: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    first, second = (browser.post(ASK, {"message": "Why?"}) for _ in range(2))

    assert first["Location"] == second["Location"] == at(SupportRequest.objects.get())
    assert (len(mail.outbox), Activity.objects.filter(verb="support.asked").count()) == (1, 1)
    browser.post(ASK, {"message": "And why not?"})
    SupportRequest.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    browser.post(ASK, {"message": "Why?"})
    assert SupportRequest.objects.count() == 3


def test_a_flood_of_questions_ends(browser: Any, acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_ASKED_A_DAY", 2)
    answers = [browser.post(ASK, {"message": f"Question {number}?"}) for number in range(3)]

    assert [each.status_code for each in answers] == [302, 302, 422]
    assert "Question 2?" in answers[2].text, "what was typed stays"
    assert "ask tomorrow" in answers[2].text
    SupportRequest.objects.update(created_at=timezone.now() - timedelta(days=1, minutes=1))
    assert browser.post(ASK, {"message": "Question 2?"}).status_code == 302


def test_a_viewer_reads_and_asks_nothing(carol: Any, as_user: Any, talk: SupportRequest) -> None:
    viewer = as_user(carol)
    assert "Why?" in viewer.get(SUPPORT).text
    page = viewer.get(at(talk)).text
    assert "Why?" in page
    assert 'name="message"' not in page + viewer.get(SUPPORT).text
    assert viewer.post(ASK, {"message": "What is this?"}).status_code == 403
    for deed in ("reply", "solve", "share", "stop-sharing"):
        assert viewer.post(f"{at(talk)}{deed}/", {"message": "Me too.", "was": "new"}).status_code == 403
    assert SupportMessage.objects.count() == 1


def test_a_registry_that_is_not_offered(browser: Any) -> None:
    assert 'name="registry"' in browser.get(WANTS_REGISTRY).text

    browser.post(WANTS_REGISTRY, {"registry": "Harbor at hub.example.com"})

    asked = SupportRequest.objects.get()
    assert (asked.kind, asked.registry) == ("registry", "Harbor at hub.example.com")


def test_a_failure_is_attached(browser: Any, acme: Any) -> None:
    failure = failure_of(acme)
    address = f"{ASK}?failure={failure.pk}"

    page = browser.get(address)
    browser.post(address, {"message": "It worked yesterday.", "shares": "little"})

    assert failure.words.title in page.text or failure.reference in page.text
    assert SECRET not in page.text
    asked = SupportRequest.objects.get()
    assert (asked.kind, asked.failure, asked.shares) == ("failure", failure, False)


def test_nothing_is_shared_by_itself(browser: Any, acme: Any) -> None:
    answer = browser.post(f"{ASK}?failure={failure_of(acme).pk}", {"message": "It worked yesterday."})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["shares"]
    assert not SupportRequest.objects.exists()


def test_what_is_shared_is_taken_back(browser: Any, acme: Any, alice: Any, as_user: Any) -> None:
    failure = failure_of(acme)
    as_user(alice).post(f"{ASK}?failure={failure.pk}", {"message": "Please look.", "shares": "all"})
    asked = SupportRequest.objects.get()
    assert asked.shares
    page = f"/o/acme/default/groups/{failure.group_name}/failures/{failure.pk}/"
    assert "Stop sharing" in browser.get(page).text

    assert browser.post(f"{SUPPORT}stop-sharing/?failure={failure.pk}")["Location"] == page

    assert not SupportRequest.objects.get().shares
    assert "Stop sharing" not in browser.get(page).text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_failure_of_another_organization(method: str, browser: Any, mallory: Any) -> None:
    other = failure_of(mallory.organizations.get())

    there = getattr(browser, method)(f"{ASK}?failure={other.pk}")
    nowhere = getattr(browser, method)(f"{ASK}?failure={uuid.uuid4()}")

    assert there.status_code == nowhere.status_code == 404
    assert there.content == nowhere.content
    assert not SupportRequest.objects.exists()


@pytest.mark.parametrize("failure", ["1", "x" * 5000, "%00", "../admin", "%F0%9F%9A%A2"])
def test_a_failure_that_is_none(failure: str, browser: Any) -> None:
    assert browser.get(f"{ASK}?failure={failure}").status_code == 404


def test_the_answer_is_read_and_the_note_is_not(
    browser: Any, acme: Any, mallory: Any, talk: SupportRequest, sam: Any
) -> None:
    answer(sam, talk, "Rebuild it.")
    SupportRequest.objects.update(note="Rude person.")
    mallory.organizations.get().support_requests.create(kind="registry", registry="Umbrella's own")

    text = browser.get(SUPPORT).text + browser.get(at(talk)).text

    assert text.count("Rebuild it.") == 2
    assert "Rude person." not in text
    assert "Umbrella" not in text
    assert "sam@" not in text


@pytest.mark.parametrize(
    ("address", "typed", "field"),
    [
        (ASK, {"message": ""}, "message"),
        (ASK, {"message": "x" * 4001}, "message"),
        (ASK, {"message": "nul\x00"}, "message"),
        (WANTS_REGISTRY, {"registry": ""}, "registry"),
        (WANTS_REGISTRY, {"registry": "x" * 256}, "registry"),
        (WANTS_REGISTRY, {"registry": "two\nlines"}, "registry"),
    ],
    ids=["empty", "long", "nul", "registry-empty", "registry-long", "registry-lines"],
)
def test_a_slip_is_said_at_its_field(address: str, typed: dict[str, str], field: str, browser: Any) -> None:
    answer = browser.post(address, typed)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not SupportRequest.objects.exists()


def test_nobody_asks_for_another(browser: Any, bob: Any, mallory: Any) -> None:
    umbrella = mallory.organizations.get()

    browser.post(ASK, {"message": "x", "organization": umbrella.pk, "user": mallory.pk, "state": "solved"})

    asked = SupportRequest.objects.get()
    assert (asked.organization.slug, asked.user, asked.state) == ("acme", bob, "new")


def test_where_asking_stood_before(browser: Any, acme: Any) -> None:
    failure = failure_of(acme)
    assert browser.get(f"{SUPPORT}?failure={failure.pk}")["Location"] == f"{ASK}?failure={failure.pk}"


class TestReplying:
    @pytest.mark.parametrize("state", ["new", "seen", "waiting", "solved"])
    def test_a_reply_makes_it_new(self, state: str, browser: Any, talk: SupportRequest, bob: Any) -> None:
        SupportRequest.objects.update(state=state, asked_at=timezone.now() - timedelta(days=2))

        page = browser.post(f"{at(talk)}reply/", {"message": "It <i>still</i> fails."}, follow=True)

        assert page.redirect_chain == [(at(talk), 302)]
        assert "It &lt;i&gt;still&lt;/i&gt; fails." in page.text
        talk.refresh_from_db()
        assert talk.state == "new"
        assert timezone.now() - talk.asked_at < timedelta(minutes=1)
        assert said(talk) == [("member", bob, "Why?"), ("member", bob, "It <i>still</i> fails.")]
        deed = Activity.objects.get(verb="support.replied")
        assert (deed.actor, deed.address) == (bob, at(talk))

    @pytest.mark.parametrize("typed", ["", "   ", "x" * 4001, "nul\x00"])
    def test_what_can_not_be_sent_is_kept(self, typed: str, browser: Any, talk: SupportRequest) -> None:
        page = browser.post(f"{at(talk)}reply/", {"message": typed})

        assert page.status_code == 422
        assert list(page.context["form"].errors) == ["message"]
        assert page.context["form"]["message"].value() == typed
        assert SupportMessage.objects.count() == 1

    def test_a_second_click_says_it_once(self, browser: Any, talk: SupportRequest) -> None:
        for _ in range(2):
            assert browser.post(f"{at(talk)}reply/", {"message": "Still."}).status_code == 302
        assert talk.messages.filter(text="Still.").count() == 1
        assert Activity.objects.filter(verb="support.replied").count() == 1

    def test_there_is_an_end_to_it(self, browser: Any, talk: SupportRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conversations, "MOST_MESSAGES", 2)
        browser.post(f"{at(talk)}reply/", {"message": "Second."})

        page = browser.post(f"{at(talk)}reply/", {"message": "Third."})

        assert page.status_code == 422
        assert "Ask anew" in page.text
        assert "Third." in page.text
        assert talk.messages.count() == 2

    def test_another_member_joins_in(self, alice: Any, as_user: Any, talk: SupportRequest, bob: Any) -> None:
        as_user(alice).post(f"{at(talk)}reply/", {"message": "Here too."})

        assert said(talk)[-1] == ("member", alice, "Here too.")
        assert {reader.person for reader in talk.readers.all()} == {alice, bob}

    def test_support_hears_of_it_by_mail(self, browser: Any, settings: Any, bob: Any) -> None:
        settings.PORTAL_SENDS_MAIL = True
        browser.post(ASK, {"message": "Where is the switch?"})
        talk = SupportRequest.objects.get()
        browser.post(f"{at(talk)}reply/", {"message": "Found it."})

        first, second = mail.outbox
        assert first.to == second.to == [settings.PORTAL_SUPPORT_EMAIL]
        assert first.subject == "[Drayage] bob@acme.example asks: Something else"
        assert second.subject == "[Drayage] bob@acme.example wrote again: Something else"
        assert "Where is the switch?" in first.body
        assert f"/admin/desk/request/{talk.pk}/" in second.body

    def test_from_the_failures_page(self, browser: Any, acme: Any, bob: Any) -> None:
        failure = failure_of(acme)
        for words in ("First.", "Second."):
            conversations.ask(organization=acme, user=bob, kind="failure", failure=failure, message=words)
        newest = SupportRequest.objects.latest("created_at")

        page = browser.get(f"/o/acme/default/groups/{failure.group_name}/failures/{failure.pk}/").text

        assert f'action="{at(newest)}reply/"' in page
        assert "Second." in page
        assert "First." not in page
        assert page.count(at(SupportRequest.objects.earliest("created_at"))) == 1


class TestSolving:
    def test_by_a_member(self, browser: Any, talk: SupportRequest, bob: Any) -> None:
        page = browser.post(f"{at(talk)}solve/", {"was": "new"}, follow=True).text

        talk.refresh_from_db()
        assert talk.state == "solved"
        assert "bob@acme.example marked this as solved" in page
        assert Activity.objects.get(verb="support.solved").actor == bob

    def test_not_where_support_wrote_meanwhile(self, browser: Any, talk: SupportRequest, sam: Any) -> None:
        answer(sam, talk, "Which one?", to="waiting")

        page = browser.post(f"{at(talk)}solve/", {"was": "new"}, follow=True).text

        talk.refresh_from_db()
        assert talk.state == "waiting"
        assert "This has changed meanwhile" in page

    @pytest.mark.parametrize("was", ["", "solved", "x"])
    def test_only_from_a_state_it_has(self, browser: Any, talk: SupportRequest, was: str) -> None:
        SupportRequest.objects.update(state="solved")
        browser.post(f"{at(talk)}solve/", {"was": was})
        assert talk.messages.count() == 1


class TestSharing:
    def test_is_changed_on_the_page(self, browser: Any, acme: Any, bob: Any) -> None:
        failure = failure_of(acme)
        talk = conversations.ask(organization=acme, user=bob, kind="failure", failure=failure, message="Why?")

        assert "Share all of the failure" in browser.get(at(talk)).text
        assert "Stop sharing" in browser.post(f"{at(talk)}share/", follow=True).text
        assert SupportRequest.objects.get().shares
        assert "Share all of the failure" in browser.post(f"{at(talk)}stop-sharing/", follow=True).text
        assert not SupportRequest.objects.get().shares
        assert list(Activity.objects.order_by("id").values_list("verb", "target")) == [
            ("support.shared", "the failure of app"),
            ("support.unshared", "the failure of app"),
        ]

    def test_there_is_nothing_to_share_without_a_failure(self, browser: Any, talk: SupportRequest) -> None:
        assert "Share all" not in browser.get(at(talk)).text
        browser.post(f"{at(talk)}share/")
        browser.post(f"{at(talk)}stop-sharing/")
        assert not SupportRequest.objects.get().shares
        assert not Activity.objects.exists()


class TestUnread:
    def test_an_answer_is_marked_until_it_is_opened(
        self, browser: Any, alice: Any, as_user: Any, talk: SupportRequest, sam: Any
    ) -> None:
        assert "unread answer" not in browser.get("/o/acme/").text
        etag = browser.get("/o/acme/", headers={"HX-Request": "true"})["ETag"]
        answer(sam, talk, "On the left.")

        for address in ("/o/acme/", SUPPORT):
            page = browser.get(address).text
            assert "1<span" in page
            assert "Answer from support" in page
        fresh = browser.get("/o/acme/", headers={"HX-Request": "true", "If-None-Match": etag})
        assert "On the left." in fresh.text
        owner = as_user(alice).get("/o/acme/").text
        assert "unread answer" not in owner
        as_user(alice).get(at(talk))

        assert "unread answer" in browser.get("/o/acme/").text
        browser.get(at(talk))
        assert "Answer from support" not in browser.get("/o/acme/").text + browser.get(SUPPORT).text

    def test_what_waits_for_the_organization_is_everybodys(
        self, alice: Any, as_user: Any, talk: SupportRequest, sam: Any
    ) -> None:
        answer(sam, talk, "Which one?", to="waiting")
        page = as_user(alice).get("/o/acme/").text
        assert "Support asks back" in page
        assert at(talk) in page

    def test_in_one_organization_only(self, bob: Any, as_user: Any, talk: SupportRequest, sam: Any) -> None:
        create_organization(slug="aardvark", name="Aardvark", owner=bob)
        answer(sam, talk, "On the left.")
        assert "unread answer" not in as_user(bob).get("/o/aardvark/").text


def test_another_organizations_conversation_is_not_found(mallory: Any, as_user: Any, talk: SupportRequest) -> None:
    browser = as_user(mallory)
    assert browser.get(at(talk)).status_code == 404
    assert browser.get(f"/o/umbrella/support/{talk.pk}/").status_code == 404
    assert browser.post(f"/o/umbrella/support/{talk.pk}/reply/", {"message": "x"}).status_code == 404
    assert talk.messages.count() == 1


def test_what_somebody_wrote_outlives_them(browser: Any, alice: Any, as_user: Any, talk: SupportRequest) -> None:
    as_user(alice).post(f"{at(talk)}reply/", {"message": "Here too."})
    alice.delete()
    page = browser.get(at(talk)).text
    assert "Somebody who left" in page
    assert "Here too." in page


def test_a_long_list_has_pages(browser: Any, acme: Any, bob: Any) -> None:
    for number in range(21):
        conversations.ask(organization=acme, user=bob, kind="other", message=f"Question {number}.")
    assert "Question 20." in browser.get(SUPPORT).text
    assert "Question 0." not in browser.get(SUPPORT).text
    assert "Question 0." in browser.get(f"{SUPPORT}?page=2").text


def test_it_costs_the_same_with_more_messages(browser: Any, talk: SupportRequest, sam: Any, bob: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(at(talk))
        return len(queries)

    answer(sam, talk, "On the left.")
    cost()
    few = cost()
    for number in range(5):
        conversations.reply(talk, user=bob, text=f"Number {number}.")
        answer(sam, talk, f"Answer {number}.")
    browser.get(at(talk))
    assert cost() == few


def test_a_state_that_there_is_not_solves_nothing(browser: Any, talk: SupportRequest) -> None:
    assert browser.post(f"{at(talk)}solve/", {"was": "new\0"}).status_code == 302
    talk.refresh_from_db()
    assert talk.state == "new"
