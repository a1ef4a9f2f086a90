"""Rows of an older portal come through the migrations as they should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
BEFORE = [("portal", "0006_limits_and_suspension"), ("groups", "0012_sweep_pass")]
ASKED, ANSWERED = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)


WITHOUT_CASES = [("portal", "0012_activity_append_only"), ("groups", "0013_check_against")]
"""When support's state and note of a failure were the failure's own."""


@pytest.fixture
def newest() -> Iterator[None]:
    """The newest schema afterwards."""
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    yield
    MigrationExecutor(connection).migrate(leaves)


def models_at(names: list[tuple[str, str]]) -> Any:
    """Migrate there, forwards or backwards, and return how to get the models of that time."""
    executor = MigrationExecutor(connection)
    executor.migrate(names)
    return executor.loader.project_state(names).apps.get_model


@pytest.fixture
def before(newest: None) -> Any:
    """The models as they were when a request had one message and one answer."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE[:1])
    return executor.loader.project_state(BEFORE).apps.get_model


def test_a_question_and_its_answer_begin_a_conversation(before: Any) -> None:
    requests = before("portal", "SupportRequest").objects
    organization = before("portal", "Organization").objects.create(slug="acme", name="Acme")
    bob, sam = (before("portal", "User").objects.create(email=f"{name}@acme.example") for name in ("bob", "sam"))
    reply = {"answer": "Rebuild it.", "answered_at": ANSWERED, "answered_by": sam, "mailed_at": ANSWERED}
    full = requests.create(organization=organization, user=bob, kind="other", message="Why?", state="waiting", **reply)
    bare = requests.create(organization=organization, user=None, kind="registry", registry="Harbor", state="new")
    requests.update(created_at=ASKED)

    MigrationExecutor(connection).migrate([("portal", "0009_one_question_one_answer_no_more")])

    from portal.models import SupportReader, SupportRequest

    said = SupportRequest.objects.get(pk=full.pk).messages.all()
    assert [
        (message.side, message.author_id, message.text, message.state, message.created_at, message.mailed_at)
        for message in said
    ] == [
        ("member", bob.pk, "Why?", "", ASKED, None),
        ("support", sam.pk, "Rebuild it.", "waiting", ANSWERED, ANSWERED),
    ]
    assert not SupportRequest.objects.get(pk=bare.pk).messages.exists()
    assert set(SupportRequest.objects.values_list("asked_at", flat=True)) == {ASKED}
    assert list(SupportReader.objects.values_list("person_id", "unread")) == [(bob.pk, False)]

    MigrationExecutor(connection).migrate([("portal", "0007_conversations")])

    back = requests.get(pk=full.pk)
    assert {name: getattr(back, name) for name in reply} | {"message": back.message} == {**reply, "message": "Why?"}


def test_state_and_note_of_a_failure_become_a_case_and_back(newest: None) -> None:
    get_model = models_at(WITHOUT_CASES)
    organization = get_model("portal", "Organization").objects.create(slug="acme", name="Acme")
    failures = get_model("groups", "Failure").objects
    names = {
        "untouched": ("new", ""),
        "seen": ("seen", ""),
        "noted": ("new", "Wrong account."),
        "both": ("solved", "Ok."),
    }
    for name, (state, note) in names.items():
        failures.create(
            organization=organization,
            group_name=name,
            reference="registry.example.com/app:1",
            registry="registry.example.com",
            step="authenticate",
            code="authentication_failed",
            state=state,
            note=note,
        )

    get_model = models_at([("portal", "0013_failure_case"), ("groups", "0014_failure_without_case")])

    cases = get_model("portal", "FailureCase").objects
    moved = {name: (state, note) for name, state, note in cases.values_list("failure__group_name", "state", "note")}
    assert moved == {name: names[name] for name in ("seen", "noted", "both")}
    cases.filter(failure__group_name="seen").update(state="waiting")
    cases.create(
        failure=get_model("groups", "Failure").objects.get(group_name="untouched"), state="solved", note="Late."
    )

    get_model = models_at(WITHOUT_CASES)

    back = get_model("groups", "Failure").objects.values_list("group_name", "state", "note")
    changed = {"seen": ("waiting", ""), "untouched": ("solved", "Late.")}
    assert {name: (state, note) for name, state, note in back} == names | changed
