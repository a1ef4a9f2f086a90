"""Answers from the desk: sent once, kept if they can't be sent, mailed to who wrote."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client

from portal.models import SupportRequest, User
from portal.support import conversations
from portal.support.desk.actions import digest_of
from portal.support.queries import last_message_key
from tests.portal.support.desk.conftest import HOST, Cases, address, case_of
from tests.support.actors import acting


@pytest.fixture
def post_office(settings: Any) -> None:
    """A portal that sends mail."""
    settings.PORTAL_SENDS_MAIL = True


@pytest.mark.parametrize("to", ["solved", "waiting", "seen"])
def test_an_answer_reaches_the_member(
    post_office: None, support: Client, cases: Cases, bob: Any, sam: Any, as_user: Any, to: str
) -> None:
    sent = {
        "action": "answer",
        "was": last_message_key(cases.shared),
        "answer": "Use a <token>.",
        "to": to,
        "note": "forged",
    }
    said = support.post(address(cases.shared), sent, follow=True).content.decode()

    asked = SupportRequest.objects.get(pk=cases.shared.pk)
    assert (asked.state, asked.note) == (to, "")
    last = asked.messages.last()
    assert last is not None
    assert (last.side, last.author, last.text, last.state) == ("support", sam, "Use a <token>.", to)
    assert last.mailed_at is not None
    assert "mailed to bob@acme.example" in said
    letter = mail.outbox[0]
    assert letter.to == ["bob@acme.example"]
    assert "Use a <token>." in letter.body
    assert "Why?" in letter.body
    assert f"/o/acme/support/{asked.pk}/" in letter.body
    assert HOST not in letter.body
    failure = asked.failure
    assert failure is not None
    pages = (
        "/o/acme/support/",
        f"/o/acme/support/{asked.pk}/",
        f"/o/acme/default/groups/shared-app/failures/{failure.pk}/",
    )
    for page in pages:
        assert "Use a &lt;token&gt;." in as_user(bob).get(page).content.decode()


def test_two_answers_at_once_are_one(post_office: None, support: Client, operator: Client, cases: Cases) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "to": "waiting"}
    support.post(address(cases.other), sent | {"answer": "On the left."})
    second = operator.post(address(cases.other), sent | {"answer": "On the right."})

    text = second.content.decode()
    assert second.status_code == 422
    assert "This case changed since you opened the page" in text
    assert "On the left." in text
    assert ">\nOn the right.</textarea>" in text
    assert "Waiting for the member" in text
    assert [message.text for message in cases.other.messages.filter(side="support")] == ["On the left."]
    assert len(mail.outbox) == 1
    again = second.context["answer_form"].initial
    operator.post(address(cases.other), {"action": "answer", **again})
    messages = cases.other.messages.filter(side="support")
    assert [message.text for message in messages] == ["On the left.", "On the right."]


def test_a_second_click_answers_once(post_office: None, support: Client, cases: Cases) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    for _ in range(2):
        assert support.post(address(cases.other), sent).status_code == 302
    assert cases.other.messages.filter(side="support").count() == len(mail.outbox) == 1


def test_what_a_member_wrote_in_the_meantime_is_read_first(support: Client, cases: Cases, bob: Any) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    conversations.reply(cases.other, by=acting(bob), text="I mean the other switch.")

    text = support.post(address(cases.other), sent).content.decode()

    assert "I mean the other switch." in text
    assert not cases.other.messages.filter(side="support").exists()


def test_the_answer_is_mailed_to_everybody_who_wrote(
    post_office: None, support: Client, cases: Cases, alice: Any, carol: Any
) -> None:
    conversations.reply(cases.other, by=acting(alice), text="Here too.")
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    support.post(address(cases.other), sent)
    assert {letter.to[0] for letter in mail.outbox} == {"alice@acme.example", "bob@acme.example"}


def test_what_is_too_long_is_kept_to_be_shortened(support: Client, cases: Cases) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "x" * 8001, "to": "waiting"}
    page = support.post(address(cases.other), sent)
    text = page.content.decode()
    assert page.status_code == 422
    assert "at most 8000 characters" in text
    assert "x" * 8001 in text
    note = support.post(
        address(cases.other), {"action": "note", "was": digest_of(""), "note": "y" * 4001}
    ).content.decode()
    assert "at most 4000 characters" in note
    assert "y" * 4001 in note


def test_without_a_mail_server_the_answer_is_kept(support: Client, cases: Cases) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    said = support.post(address(cases.other), sent, follow=True).content.decode()
    assert "No email was sent" in said
    asked = SupportRequest.objects.get(pk=cases.other.pk)
    last = asked.messages.last()
    assert last is not None
    assert (last.text, last.mailed_at, mail.outbox) == ("On the left.", None, [])


def test_an_answer_that_is_printed_says_so(support: Client, cases: Cases, settings: Any) -> None:
    settings.PORTAL_PRINTS_MAIL = True
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    said = support.post(address(cases.other), sent, follow=True).content.decode()
    assert "the email is printed on its console" in said


def test_a_mail_server_that_refuses_loses_no_answer(
    post_office: None, support: Client, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, *args: Any, **options: Any) -> int:
        raise SMTPException("550 canary")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    said = support.post(address(cases.other), sent, follow=True).content.decode()
    assert "No email was sent" in said
    assert "canary" not in said
    assert cases.other.messages.filter(text="On the left.").exists()


@pytest.mark.parametrize("how", ["left", "was deactivated"])
def test_whoever_is_gone_gets_no_mail(
    post_office: None, support: Client, cases: Cases, acme: Any, bob: Any, how: str
) -> None:
    if how == "left":
        acme.memberships.filter(user=bob).delete()
    else:
        User.objects.filter(pk=bob.pk).update(is_active=False)
    support.post(
        address(cases.other),
        {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"},
    )
    assert mail.outbox == []


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"action": "delete"},
        {"action": "move", "was": "new", "to": "new"},
        {"action": "move", "was": "x", "to": "solved"},
        {"action": "answer", "answer": "", "to": "solved"},
        {"action": "answer", "answer": "Yes.", "to": "new"},
        {"action": "answer", "answer": "x" * 8001, "to": "solved"},
        {"action": "note", "note": "x" * 4001, "was": digest_of("")},
        {"action": "note", "note": "x"},
    ],
)
def test_what_makes_no_sense_changes_nothing(support: Client, cases: Cases, sent: dict[str, str]) -> None:
    if sent.get("action") == "answer":
        sent = sent | {"was": last_message_key(cases.other)}
    before = SupportRequest.objects.values().get(pk=cases.other.pk)
    assert support.post(address(cases.other), sent).status_code in (302, 422)
    after = SupportRequest.objects.values().get(pk=cases.other.pk)
    assert after == before | {"state": after["state"]}
    assert after["state"] in ("new", "seen")
    assert cases.other.messages.count() == 1
    assert not LogEntry.objects.exists()


def test_a_failure_itself_has_no_answer(support: Client, cases: Cases) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    support.post(address(cases.silent), sent)
    assert case_of(cases.silent) == ("new", "")


def test_the_same_words_with_another_end_are_another_answer(sam: Any, cases: Cases) -> None:
    for to in ("seen", "waiting"):
        was = last_message_key(cases.other)
        conversations.answer(cases.other, by=acting(sam), was=was, text="Please try again.", to=to)

    assert SupportRequest.objects.get(pk=cases.other.pk).state == "waiting"
