"""What the API offers beyond SaladCloud's: checks as a stream, pulls, failures, deliveries, receipts."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from groups.models import Failure, ImageCheck, Node, NodeToken, PullStep, Redemption
from groups.rules.states import move
from registries.models import Credential
from tests.portal.api.conftest import Speaker
from tests.support.pulls import make_credential, make_group

HERE = "/api/v1/organizations/acme"
SECRET = "canary-18cc-secret"  # pragma: allowlist secret


def test_a_check_is_streamed_by_lines_and_its_credential_destroyed(
    transactional_db: None, speaks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groups.api.checks.POLL_SECONDS", 0.02)

    def work() -> None:
        from django.db import connection

        end = time.monotonic() + 20
        while (row := ImageCheck.objects.first()) is None and time.monotonic() < end:
            time.sleep(0.02)
        assert row is not None
        line = {"name": "resolve", "outcome": "running", "detail": "", "raw": "", "seconds": None}
        move(row, to="running", steps=[line])
        time.sleep(0.1)
        ended = line | {"outcome": "failed", "seconds": 0.1}
        move(row, to="failed", steps=[ended], code="authentication_failed", params={"registry": "registry.example.com"})
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    shown = {"basic": {"username": "u", "password": SECRET}}
    answer = speaks().post(
        HERE + "/checks", {"image": "registry.example.com/team/app:1", "registry_authentication": shown}
    )
    body = b"".join(answer.streaming_content).decode()
    worker.join()
    lines = [json.loads(line) for line in body.splitlines()]

    assert answer.status_code == 200
    assert [line["step"]["outcome"] for line in lines[:-1]][-1] == "failed"
    result = lines[-1]["result"]
    assert (result["status"], result["failure"]["code"]) == ("failed", "authentication_failed")
    assert SECRET not in body
    assert not Credential.objects.get().is_live


def test_an_image_that_is_none_is_refused_before_anything_is_kept(db: None, speaks: Any) -> None:
    answer = speaks().post(HERE + "/checks", {"image": "Not An Image"})

    assert (answer.status_code, answer.json()["field"]) == (400, "image")
    assert not ImageCheck.objects.exists()


def test_a_stream_that_ends_early_returns_the_current_state(transactional_db: None, speaks: Any) -> None:
    answer = speaks().post(HERE + "/checks?wait=0", {"image": "registry.example.com/team/app:1"})

    (line,) = b"".join(answer.streaming_content).splitlines()
    assert json.loads(line)["result"]["status"] == "queued"


def test_streams_at_once_are_limited(db: None, speaks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.api.checks._listening", 4)

    answer = speaks().post(HERE + "/checks", {"image": "registry.example.com/team/app:1"})

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_checks")
    assert not ImageCheck.objects.exists()


def test_too_many_checks_have_to_wait(db: None, speaks: Any) -> None:
    speaker: Speaker = speaks()
    answers = [speaker.post(HERE + "/checks", {"image": "registry.example.com/team/app:1"}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[5]["Retry-After"]
    for answer in answers[:5]:
        answer.close()


def test_a_pull_is_returned_with_steps_and_layers(speaks: Any, project: Any) -> None:
    group = make_group(project, "registry.example.com/team/app:1")
    PullStep.objects.create(image=group.image, attempt=0, name="resolve", outcome="ok", detail="Found")
    group.image.layers.create(position=0, media_type="x", digest="sha256:" + "a" * 64, size=10, received=4)

    (pull,) = speaks("read").get(f"{HERE}/projects/default/containers/app/pulls").json()["items"]

    assert (pull["image"], pull["status"]) == ("registry.example.com/team/app:1", "queued")
    assert [step["outcome"] for step in pull["steps"]][:2] == ["ok", "waiting"]
    assert (pull["layers"][0]["received"], pull["layers"][0]["stored"]) == (4, False)


def test_failures_are_returned_with_words(speaks: Any, project: Any) -> None:
    group = make_group(project, "registry.example.com/team/app:1")
    Failure.objects.create(
        organization=project.organization, group=group, group_name="app", reference="registry.example.com/team/app:1",
        registry="registry.example.com", step="authenticate", code="authentication_failed",
        params={"registry": "registry.example.com"}, raw="401 UNAUTHORIZED",
    )  # fmt: skip
    speaker = speaks("read")

    (shown,) = speaker.get(f"{HERE}/failures").json()["items"]

    assert (shown["failure"]["code"], shown["raw"]) == ("authentication_failed", "401 UNAUTHORIZED")
    assert speaker.get(f"{HERE}/projects/default/containers/app/failures").json()["items"] == [shown]


def test_the_ledger_contains_what_was_refused(speaks: Any, project: Any) -> None:
    from django.utils import timezone

    group = make_group(project, "registry.example.com/team/app:1")
    token = NodeToken.objects.create(
        organization=project.organization, group=group, group_name="app", node=Node.objects.create(name="n1"),
        node_name="n1", manifest_digest="sha256:" + "b" * 64, expires_at=timezone.now(), token_hash="c" * 64,
    )  # fmt: skip
    token.layer_deliveries.create(digest="sha256:" + "a" * 64, sent_whole=1, sent_bytes=500)
    Redemption.objects.create(
        token=token, outcome="refused", reason="other_address", presented_by="n2", address="192.0.2.8"
    )
    at = {"redeemed_at": "2026-01-02T03:04:05Z", "repeated_at": "2026-01-02T03:04:09Z"}
    NodeToken.objects.update(redeemed_from="192.0.2.7", **at)

    (shown,) = speaks("read").get(f"{HERE}/projects/default/containers/app/deliveries").json()["items"]

    assert (shown["node"], shown["layers_sent"], shown["bytes_sent"]) == ("n1", 1, 500)
    assert (shown["redeemed"], shown["repeated"]) == tuple(at.values())
    assert shown["redeemed_from"] == "192.0.2.7"
    assert [(each["reason"], each["address"]) for each in shown["refused"]] == [("other_address", "192.0.2.8")]


def test_receipts_hold_no_secret(speaks: Any, acme: Any) -> None:
    make_credential(acme, "registry.example.com", password=SECRET)

    answer = speaks("read").get(f"{HERE}/receipts")

    (shown,) = answer.json()["items"]
    assert (shown["registry"], shown["used_count"]) == ("registry.example.com", 0)
    assert SECRET.encode() not in answer.content
