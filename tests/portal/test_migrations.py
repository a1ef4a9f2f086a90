"""Rows of an older portal come through the migrations as they should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("portal", "0006_limits_and_suspension"), ("groups", "0012_sweep_pass")]
ASKED, ANSWERED = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)


@pytest.fixture
def before() -> Iterator[Any]:
    """The models as they were when a request had one message and one answer; the newest schema afterwards."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate(BEFORE[:1])
    yield executor.loader.project_state(BEFORE).apps.get_model
    MigrationExecutor(connection).migrate(newest)


def test_a_question_and_its_answer_begin_a_conversation(before: Any) -> None:
    requests = before("portal", "SupportRequest").objects
    organization = before("portal", "Organization").objects.create(slug="acme", name="Acme")
    bob, sam = (before("portal", "User").objects.create(email=f"{name}@acme.example") for name in ("bob", "sam"))
    told = {"answer": "Rebuild it.", "answered_at": ANSWERED, "answered_by": sam, "mailed_at": ANSWERED}
    full = requests.create(organization=organization, user=bob, kind="other", message="Why?", state="waiting", **told)
    bare = requests.create(organization=organization, user=None, kind="registry", registry="Harbor", state="new")
    requests.update(created_at=ASKED)

    MigrationExecutor(connection).migrate([("portal", "0009_one_question_one_answer_no_more")])

    from portal.models import SupportReader, SupportRequest

    said = SupportRequest.objects.get(pk=full.pk).messages.all()
    assert [(each.side, each.author_id, each.text, each.state, each.created_at, each.mailed_at) for each in said] == [
        ("member", bob.pk, "Why?", "", ASKED, None),
        ("support", sam.pk, "Rebuild it.", "waiting", ANSWERED, ANSWERED),
    ]
    assert not SupportRequest.objects.get(pk=bare.pk).messages.exists()
    assert set(SupportRequest.objects.values_list("asked_at", flat=True)) == {ASKED}
    assert list(SupportReader.objects.values_list("person_id", "unread")) == [(bob.pk, False)]

    MigrationExecutor(connection).migrate([("portal", "0007_conversations")])

    back = requests.get(pk=full.pk)
    assert {name: getattr(back, name) for name in told} | {"message": back.message} == {**told, "message": "Why?"}
