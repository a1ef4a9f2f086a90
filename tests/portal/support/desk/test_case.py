"""One case: what support sees of it with and without consent, what it does, and what the member learns of that."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client

from groups.models import Failure
from portal.models import SupportLook, SupportRequest
from portal.support import conversations
from portal.support.desk.actions import digest_of
from portal.support.queries import last_message_key
from tests.portal.support.desk.conftest import HOST, Cases, case_of
from tests.support.activity import recorded
from tests.support.actors import acting


@pytest.fixture
def post_office(settings: Any) -> None:
    """A portal that sends mail."""
    settings.PORTAL_SENDS_MAIL = True


def address(row: Any) -> str:
    return f"/admin/desk/{'failure' if isinstance(row, Failure) else 'request'}/{row.pk}/"


def test_without_consent_support_sees_what_happened_and_no_name(support: Client, cases: Cases) -> None:
    for row in (cases.silent, cases.kept):
        text = support.get(address(row)).content.decode()
        assert "authentication_failed" in text
        assert "The registry did not accept the credentials" in text
        assert "Sign in" in text
        assert "00:00:00" in text
        assert "2.5 s" in text
        for never in (HOST, "silent-app", "kept-app", "UNAUTHORIZED"):
            assert never not in text, never
    assert "Acme" not in support.get(address(cases.silent)).content.decode()


def test_with_consent_support_sees_all_of_it(support: Client, cases: Cases) -> None:
    for row in (cases.shared, cases.shared.failure):
        text = support.get(address(row)).content.decode()
        for shown in (
            f"{HOST}/team/shared-app:1",
            "shared-app",
            "401 UNAUTHORIZED",
            "Check the user name and the secret",
        ):
            assert shown in text, shown


def test_what_is_taken_back_is_gone_at_once(support: Client, cases: Cases, bob: Any, as_user: Any) -> None:
    as_user(bob).post(f"/o/acme/support/stop-sharing/?failure={cases.shared.failure_id}")
    assert HOST not in support.get(address(cases.shared)).content.decode()


def test_a_trace_that_is_not_as_expected_is_shown(support: Client, operator: Client, cases: Cases) -> None:
    odd = [{}, {"name": "later", "started_at": "no time", "finished_at": None}]
    Failure.objects.update(trace=odd, code="of another version", params={})
    for client in (support, operator):
        page = client.get(address(cases.shared))
        assert page.status_code == 200
        assert "later" in page.content.decode()


def test_opening_marks_seen_and_tells_the_member(
    support: Client, operator: Client, cases: Cases, sam: Any, bob: Any, as_user: Any
) -> None:
    SupportRequest.objects.filter(pk=cases.shared.pk).update(state="waiting")
    for _ in range(3):
        support.get(address(cases.kept))
    support.get(address(cases.shared))
    operator.get(address(cases.kept))

    cases.kept.refresh_from_db()
    cases.shared.refresh_from_db()
    assert (cases.kept.state, cases.shared.state) == ("seen", "waiting")
    looks = SupportLook.objects.filter(person=sam)
    assert dict(looks.values_list("failure_id", "saw_all")) == {
        cases.kept.failure_id: False,
        cases.shared.failure_id: True,
    }
    failure = cases.kept.failure
    assert failure is not None
    address_for_members = f"/o/acme/default/groups/kept-app/failures/{failure.pk}/"
    page = as_user(bob).get(address_for_members).content.decode()
    assert "sam@drayage.example" in page
    assert "saw code, step, kind and times" in page
    assert "olga@drayage.example" in page
    assert f'href="{address_for_members}"' in as_user(bob).get("/o/acme/settings/activity/").content.decode()
    deeds = [(row[0], row[2]) for row in recorded(action="support.looked")]
    assert sorted(deeds) == [
        ("olga@drayage.example", "the failure of kept-app"),
        ("sam@drayage.example", "the failure of kept-app"),
        ("sam@drayage.example", "the failure of shared-app"),
    ]


def test_a_move_is_made_once(support: Client, operator: Client, cases: Cases) -> None:
    sent = {"action": "move", "was": "new", "to": "waiting"}
    support.post(address(cases.silent), sent)
    second = operator.post(address(cases.silent), sent | {"to": "solved"}, follow=True)

    assert "Somebody else was first" in second.content.decode()
    assert case_of(cases.silent) == ("waiting", "")
    assert LogEntry.objects.get().change_message == "Waiting for the member."


def test_a_note_does_not_overwrite_anothers(support: Client, operator: Client, cases: Cases) -> None:
    sent = {"action": "note", "was": digest_of("")}
    support.post(address(cases.silent), sent | {"note": "Wrong account."})
    second = operator.post(address(cases.silent), sent | {"note": "Something else."})

    assert "Somebody else was first" in second.content.decode()
    assert "Wrong account.\n\nSomething else.</textarea>" in second.content.decode()
    assert case_of(cases.silent)[1] == "Wrong account."
    support.post(address(cases.silent), {"action": "note", "was": digest_of("Wrong account."), "note": ""})
    assert case_of(cases.silent)[1] == ""


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
    assert "Somebody else was first" in text
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


def test_what_a_member_wrote_meanwhile_is_read_first(support: Client, cases: Cases, bob: Any) -> None:
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    conversations.reply(cases.other, by=acting(bob), text="I mean the other switch.")

    text = support.post(address(cases.other), sent).content.decode()

    assert "I mean the other switch." in text
    assert not cases.other.messages.filter(side="support").exists()


def test_a_reply_is_seen_anew(support: Client, cases: Cases, bob: Any) -> None:
    SupportRequest.objects.filter(pk=cases.other.pk).update(state="solved", note="Patient person.")
    conversations.reply(cases.other, by=acting(bob), text="Not yet.")

    text = support.get(address(cases.other)).content.decode()

    assert "Not yet." in text
    assert "Patient person." in text
    cases.other.refresh_from_db()
    assert cases.other.state == "seen"


def test_everybody_who_wrote_hears_of_the_answer(
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
    assert "No mail went out" in said
    asked = SupportRequest.objects.get(pk=cases.other.pk)
    last = asked.messages.last()
    assert last is not None
    assert (last.text, last.mailed_at, mail.outbox) == ("On the left.", None, [])


def test_a_mail_server_that_refuses_loses_no_answer(
    post_office: None, support: Client, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, *args: Any, **options: Any) -> int:
        raise SMTPException("550 canary")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    sent = {"action": "answer", "was": last_message_key(cases.other), "answer": "On the left.", "to": "solved"}
    said = support.post(address(cases.other), sent, follow=True).content.decode()
    assert "No mail went out" in said
    assert "canary" not in said
    assert cases.other.messages.filter(text="On the left.").exists()


def test_whoever_left_gets_no_mail(post_office: None, support: Client, cases: Cases, acme: Any, bob: Any) -> None:
    acme.memberships.filter(user=bob).delete()
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


def test_the_admins_own_pages_lead_here(support: Client, cases: Cases) -> None:
    for row, name in ((cases.silent, "groups/failure"), (cases.other, "portal/supportrequest")):
        assert support.get(f"/admin/{name}/{row.pk}/change/")["Location"] == address(row)
        assert support.get(f"/admin/{name}/{row.pk}/history/").status_code == 403
        assert support.get(f"/admin/{name}/?reference__startswith=registry")["Location"].startswith(
            "/admin/desk/?what="
        )
        assert support.post(f"/admin/{name}/{row.pk}/change/", {"note": "x"}).status_code == 302
    assert case_of(cases.silent)[1] == ""


def test_the_same_words_with_another_end_are_another_answer(sam: Any, cases: Cases) -> None:
    for to in ("seen", "waiting"):
        was = last_message_key(cases.other)
        conversations.answer(cases.other, by=acting(sam), was=was, text="Please try again.", to=to)

    assert SupportRequest.objects.get(pk=cases.other.pk).state == "waiting"
