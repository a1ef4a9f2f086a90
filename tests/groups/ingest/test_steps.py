"""The steps of an attempt: what is written as they begin and end, and that those of other attempts stay."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from groups.ingest.claim import Claim, WorkerShutdown
from groups.ingest.steps import Name, PullSteps, fail_running, last_step, trace, write_done
from groups.models import Image, PullStep
from groups.rules.states import Stale
from portal.models import Project
from registries.failures import AccessDenied
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.pulls import make_group

ENDED = {"finished_at__isnull": False}


def row(claim: Claim, name: str) -> PullStep:
    return claim.image.steps.get(name=name, attempt=claim.attempt)


def test_a_step_is_there_while_it_runs_and_says_how_it_ended(held: Claim) -> None:
    with PullSteps(held).step(Name.RESOLVE) as note:
        running = row(held, "resolve")
        note.detail = "found\x00it" + "x" * 400
    assert (running.outcome, running.detail, running.finished_at, running.attempt) == ("running", "", None, 1)
    done = row(held, "resolve")
    assert (done.outcome, done.raw) == ("ok", "")
    assert done.finished_at is not None
    assert len(done.detail) == 300
    assert "\x00" not in done.detail


def test_a_failure_says_what_it_is_and_others_do_not(held: Claim) -> None:
    with pytest.raises(AccessDenied), PullSteps(held).step(Name.RESOLVE):
        raise AccessDenied(raw="403 DENIED", host=HOST, repository="team/app")
    with pytest.raises(ZeroDivisionError), PullSteps(held).step(Name.CONNECT):
        raise ZeroDivisionError("a secret")

    resolve, connect = row(held, "resolve"), row(held, "connect")
    title = "The credentials may not read this repository"
    assert (resolve.outcome, resolve.detail, resolve.raw) == ("failed", title, "403 DENIED")
    title = "Something went wrong that we did not foresee"
    assert (connect.outcome, connect.detail, connect.raw) == ("failed", title, "")
    assert resolve.finished_at is not None
    assert connect.finished_at is not None


@pytest.mark.parametrize("error", [Stale(), WorkerShutdown()])
def test_what_ends_the_attempt_leaves_the_step_to_its_settling(held: Claim, error: BaseException) -> None:
    with pytest.raises(type(error)), PullSteps(held).step(Name.RESOLVE):
        raise error
    assert row(held, "resolve").outcome == "running"


def test_a_step_that_loses_the_claim_does_not_say_how_it_ended(held: Claim) -> None:
    with pytest.raises(Stale), PullSteps(held).step(Name.RESOLVE):
        Image.objects.update(lease=uuid.uuid4())
    with pytest.raises(Stale):
        held.check()
    assert row(held, "resolve").outcome == "running"


@pytest.fixture
def second(held: Claim, project: Project) -> Claim:
    """The second attempt of a pull; its first and another image have steps too."""
    other = claimed(make_group(project, f"{HOST}/team/b:1", name="other"))
    for image, attempt in ((held.image, 1), (other.image, 2)):
        for name in ("resolve", "connect", "layers"):
            PullStep.objects.create(image=image, attempt=attempt, name=name, detail="of another attempt")
    held.image.attempt = 2
    return held


def test_the_last_step_is_that_of_this_attempt(second: Claim) -> None:
    assert last_step(second.image) == "resolve"
    for name in ("manifest", "connect", "authenticate"):
        second.image.steps.create(attempt=2, name=name)
        assert last_step(second.image) == name


def test_only_what_runs_in_this_attempt_is_failed(second: Claim) -> None:
    second.image.steps.create(attempt=2, name="resolve", outcome="ok", detail="found")
    second.image.steps.create(attempt=2, name="connect")

    fail_running(second.image, "It broke")

    steps = dict[str, Any](second.image.steps.filter(attempt=2).values_list("name", "detail"))
    assert steps == {"resolve": "found", "connect": "It broke"}
    assert second.image.steps.get(attempt=2, outcome="failed", **ENDED).name == "connect"
    assert PullStep.objects.filter(outcome="running", finished_at=None, detail="of another attempt").count() == 6


def test_the_copy_for_a_failure_has_the_steps_of_this_attempt_in_order(second: Claim) -> None:
    second.image.steps.create(attempt=2, name="resolve", outcome="failed", detail="no", raw="503")
    write_done(second.image, Name.DESTROY, "gone\x00" + "x" * 400)

    first, last = trace(second.image)

    started = second.image.steps.get(attempt=2, name="resolve").started_at
    assert first == {
        "name": "resolve",
        "outcome": "failed",
        "started_at": started.isoformat(),
        "finished_at": None,
        "detail": "no",
        "raw": "503",
    }
    done = second.image.steps.get(attempt=2, name="destroy")
    assert done.finished_at is not None
    assert (last["name"], last["outcome"], last["finished_at"]) == ("destroy", "ok", done.finished_at.isoformat())
    assert last["detail"] == done.detail
    assert len(done.detail) == 300
