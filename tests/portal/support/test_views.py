"""Asking support: what is sent, what is attached, and what comes of slips, second clicks and floods."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from portal.models import Activity, SupportMessage, SupportRequest
from portal.support import conversations
from tests.support.actors import acting
from tests.support.conversations import ASK, SUPPORT, WANTS_REGISTRY, at, failure_of, talk
from tests.support.pulls import SECRET

__all__ = ["talk"]


def test_a_question(browser: Any, bob: Any, acme: Any) -> None:
    answer = browser.post(ASK, {"message": "Why is <b>this</b> so?"}, follow=True)

    asked = SupportRequest.objects.get()
    assert (asked.organization, asked.user, asked.kind, asked.failure) == (acme, bob, "other", None)
    assert [message.text for message in asked.messages.all()] == ["Why is <b>this</b> so?"]
    assert answer.status_code == 200
    assert "<b>this" not in answer.text


def test_a_second_click_asks_nothing_more(browser: Any, settings: Any, acme: Any, bob: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    first, second = (browser.post(ASK, {"message": "Why?"}) for _ in range(2))

    assert first["Location"] == second["Location"] == at(SupportRequest.objects.get())
    assert (len(mail.outbox), Activity.objects.filter(action="support.asked").count()) == (1, 1)
    browser.post(ASK, {"message": "And why not?"})
    SupportRequest.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    browser.post(ASK, {"message": "Why?"})
    assert SupportRequest.objects.count() == 3


def test_a_flood_of_questions_ends(browser: Any, acme: Any, mallory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside an organization that has asked as much as it may."""
    monkeypatch.setattr(conversations, "MAX_QUESTIONS_A_DAY", 2)
    for number in range(2):
        question = f"Question {number}?"
        conversations.ask(mallory.organizations.get(), by=acting(mallory), kind="other", message=question)
    answers = [browser.post(ASK, {"message": f"Question {number}?"}) for number in range(3)]

    assert [response.status_code for response in answers] == [302, 302, 422]
    assert "Question 2?" in answers[2].text, "what was typed stays"
    assert "ask tomorrow" in answers[2].text
    acme.support_requests.update(created_at=timezone.now() - timedelta(days=1, minutes=1))
    assert browser.post(ASK, {"message": "Question 2?"}).status_code == 302


def test_a_viewer_reads_and_asks_nothing(carol: Any, as_user: Any, talk: SupportRequest) -> None:
    viewer = as_user(carol)
    assert "Why?" in viewer.get(SUPPORT).text
    page = viewer.get(at(talk)).text
    assert "Why?" in page
    assert 'name="message"' not in page + viewer.get(SUPPORT).text
    assert viewer.post(ASK, {"message": "What is this?"}).status_code == 403
    for action in ("reply", "solve", "share", "stop-sharing"):
        assert viewer.post(f"{at(talk)}{action}/", {"message": "Me too.", "was": "new"}).status_code == 403
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


@pytest.mark.parametrize("failure", ["1", "x" * 5000, "../admin", "%F0%9F%9A%A2"])
def test_a_failure_that_is_none(failure: str, browser: Any) -> None:
    assert browser.get(f"{ASK}?failure={failure}").status_code == 404


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


TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"


def test_a_message_loses_a_token_and_nothing_else(as_user: Any, alice: Any, acme: Any) -> None:
    browser = as_user(alice)

    page = browser.post("/o/acme/support/ask/", {"message": f"I tried {TOKEN} and\ngot a 403."})

    assert page.status_code == 422
    assert TOKEN not in page.text
    assert "I tried [removed] and\ngot a 403." in page.text.replace("\r\n", "\n")
    assert not SupportRequest.objects.exists()
    assert browser.post("/o/acme/support/ask/", {"message": "I tried [removed] and\ngot a 403."}).status_code == 302
