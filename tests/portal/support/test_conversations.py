"""The conversation that comes of a question to support, as members have it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.models import Activity, SupportMessage, SupportRequest
from portal.organizations.actions import create_organization
from portal.support import conversations
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.conversations import ASK, SUPPORT, answer, at, failure_of, said, talk

__all__ = ["talk"]


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
        entry = Activity.objects.get(action="support.replied")
        assert entry.actor_key == str(bob.pk)

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
        assert Activity.objects.filter(action="support.replied").count() == 1

    def test_there_is_an_end_to_it(self, browser: Any, talk: SupportRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conversations, "MAX_MESSAGES", 2)
        browser.post(f"{at(talk)}reply/", {"message": "Second."})

        page = browser.post(f"{at(talk)}reply/", {"message": "Third."})

        assert page.status_code == 422
        assert "Start a new one" in page.text
        assert "Third." in page.text
        assert talk.messages.count() == 2

    def test_another_member_joins_in(self, alice: Any, as_user: Any, talk: SupportRequest, bob: Any) -> None:
        as_user(alice).post(f"{at(talk)}reply/", {"message": "Here too."})

        assert said(talk)[-1] == ("member", alice, "Here too.")
        assert {reader.person for reader in talk.readers.all()} == {alice, bob}

    def test_support_gets_it_by_mail(self, browser: Any, settings: Any, bob: Any) -> None:
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
            SupportRequest.objects.update(created_at=timezone.now() - timedelta(minutes=1))
            conversations.ask(acme, by=acting(bob), kind="failure", failure=failure, message=words)
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
        assert Activity.objects.get(action="support.solved").actor_key == str(bob.pk)

    def test_not_if_support_wrote_in_the_meantime(self, browser: Any, talk: SupportRequest, sam: Any) -> None:
        answer(sam, talk, "Which one?", to="waiting")

        page = browser.post(f"{at(talk)}solve/", {"was": "new"}, follow=True).text

        talk.refresh_from_db()
        assert talk.state == "waiting"
        assert "This conversation changed since you opened the page" in page

    @pytest.mark.parametrize("was", ["", "solved", "x"])
    def test_only_from_a_state_it_has(self, browser: Any, talk: SupportRequest, was: str) -> None:
        SupportRequest.objects.update(state="solved")
        browser.post(f"{at(talk)}solve/", {"was": was})
        assert talk.messages.count() == 1


class TestSharing:
    def test_is_changed_on_the_page(self, browser: Any, acme: Any, bob: Any) -> None:
        failure = failure_of(acme)
        talk = conversations.ask(acme, by=acting(bob), kind="failure", failure=failure, message="Why?")

        assert "Share all of the failure" in browser.get(at(talk)).text
        assert "Stop sharing" in browser.post(f"{at(talk)}share/", follow=True).text
        assert SupportRequest.objects.get().shares
        assert "Share all of the failure" in browser.post(f"{at(talk)}stop-sharing/", follow=True).text
        assert not SupportRequest.objects.get().shares
        assert [row[1:3] for row in recorded(action__startswith="support.")] == [
            ("support.asked", "the failure of app"),
            ("support.shared", "the failure of app"),
            ("support.unshared", "the failure of app"),
        ]

    def test_there_is_nothing_to_share_without_a_failure(self, browser: Any, talk: SupportRequest) -> None:
        assert "Share all" not in browser.get(at(talk)).text
        browser.post(f"{at(talk)}share/")
        browser.post(f"{at(talk)}stop-sharing/")
        assert not SupportRequest.objects.get().shares
        assert [row[1] for row in recorded()] == ["support.asked"]


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
        create_organization(slug="aardvark", name="Aardvark", owner=bob, by=CONSOLE)
        answer(sam, talk, "On the left.")
        assert "unread answer" not in as_user(bob).get("/o/aardvark/").text


def test_another_organizations_conversation_is_not_found(mallory: Any, as_user: Any, talk: SupportRequest) -> None:
    browser = as_user(mallory)
    assert browser.get(at(talk)).status_code == 404
    assert browser.get(f"/o/umbrella/support/{talk.pk}/").status_code == 404
    assert browser.post(f"/o/umbrella/support/{talk.pk}/reply/", {"message": "x"}).status_code == 404
    assert talk.messages.count() == 1


def test_a_viewer_reads_it_and_is_offered_nothing(carol: Any, as_user: Any, talk: SupportRequest) -> None:
    page = as_user(carol).get(at(talk))

    assert page.status_code == 200
    for deed in ("reply", "solve", "share", "stop-sharing"):
        assert f'action="{at(talk)}{deed}/"' not in page.text


def test_what_somebody_wrote_outlives_them(browser: Any, alice: Any, as_user: Any, talk: SupportRequest) -> None:
    as_user(alice).post(f"{at(talk)}reply/", {"message": "Here too."})
    alice.delete()
    page = browser.get(at(talk)).text
    assert "Somebody who left" in page
    assert "Here too." in page


def test_a_long_list_has_pages(browser: Any, acme: Any, bob: Any) -> None:
    for number in range(21):
        asked = conversations.ask(acme, by=acting(bob), kind="other", message=f"Question {number}.")
        moment = timezone.now() - timedelta(minutes=30 - number)
        SupportRequest.objects.filter(pk=asked.pk).update(asked_at=moment)
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
        conversations.reply(talk, by=acting(bob), text=f"Number {number}.")
        answer(sam, talk, f"Answer {number}.")
    browser.get(at(talk))
    assert cost() == few


def test_a_state_that_there_is_not_solves_nothing(browser: Any, talk: SupportRequest) -> None:
    assert browser.post(f"{at(talk)}solve/", {"was": "new\0"}).status_code == 302
    talk.refresh_from_db()
    assert talk.state == "new"
