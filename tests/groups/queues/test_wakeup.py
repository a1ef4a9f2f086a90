"""Entries of queues: one form, and everything near it is refused."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.utils.module_loading import import_string
from pytest_django import Settings

from groups.queues.wakeup import KINDS, MAX_BYTES, QUEUES, Reason, Wakeup, WakeupRefused, parse_wakeup

ROW = UUID("8f14e45f-ceea-467f-a8f1-5b2a3c4d5e6f")
TEXT = str(ROW)


@pytest.mark.parametrize("job", KINDS)
def test_an_entry_says_which_job_and_which_row(job: str) -> None:
    wakeup = Wakeup(job, ROW)
    assert wakeup.entry == f"{job}:{TEXT}".encode()
    assert len(wakeup.entry) <= MAX_BYTES
    assert parse_wakeup(KINDS[job].queue, wakeup.entry) == wakeup


def test_there_are_five_queues_and_the_settings_have_a_function_for_each_job(settings: Settings) -> None:
    assert QUEUES == ("checks", "nodes", "notices", "pulls", "sign_ins")
    assert set(settings.RQ_QUEUES) == set(QUEUES)
    assert set(settings.WAKEUP_JOBS) == set(KINDS)
    for path in settings.WAKEUP_JOBS.values():
        assert callable(import_string(path))


def test_how_long_a_job_may_run() -> None:
    assert {job: kind.max_seconds for job, kind in KINDS.items()} == {
        "pull": 7200,
        "prepare": 120,
        "check": 120,
        "fan_out": 120,
        "deliver": 120,
        "mail_password": 120,
        "configure": 60,
        "sign_in": 60,
        "sign_out": 60,
        "refresh": 60,
        "find_domain": 60,
    }


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "pull",
        "pull:",
        f":{TEXT}",
        TEXT,
        f"pull:{TEXT}\n",
        f" pull:{TEXT}",
        f"pull: {TEXT}",
        f"pull:{TEXT} ",
        f"pull:{TEXT}:{TEXT}",
        f"pull:{TEXT},{TEXT}",
        f"pull:{TEXT.upper()}",
        f"pull:{TEXT.replace('-', '')}",
        f"pull:{{{TEXT}}}",
        f"pull:urn:uuid:{TEXT}",
        f"pull:{TEXT[:-1]}",
        f"pull:{TEXT}0",
        f"pull:{TEXT[:-1]}g",
        f"pull:{TEXT[:-1]}１",
        f"PULL:{TEXT}",
        f"groups.jobs.pull:{TEXT}",
        f"subprocess.getoutput:{TEXT}",
        f"pull\0:{TEXT}",
        "subprocess.getoutput",
        "pull:../../layers.key",
        "a" * 100_000,
    ],
)
def test_anything_else_is_no_wake_up(entry: str) -> None:
    with pytest.raises(WakeupRefused) as refused:
        parse_wakeup("pulls", entry.encode())
    assert refused.value.reason is Reason.NOT_A_WAKEUP


@pytest.mark.parametrize("entry", [b"\xff\xfe", b"pull:\xff" + TEXT[1:].encode(), b"\x80\x04\x95", bytes(64)])
def test_bytes_that_are_no_text_are_no_wake_up(entry: bytes) -> None:
    with pytest.raises(WakeupRefused, match="not_a_wakeup"):
        parse_wakeup("pulls", entry)


@pytest.mark.parametrize("job", ["push", "run_job", "deliver_all", "__import__", "pull_"])
def test_a_job_that_there_is_not(job: str) -> None:
    with pytest.raises(WakeupRefused, match="unknown_job"):
        parse_wakeup("pulls", f"{job}:{TEXT}".encode())


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("job", KINDS)
def test_a_job_in_another_queue_would_keep_a_worker_from_its_own(job: str, queue: str) -> None:
    if KINDS[job].queue == queue:
        return
    with pytest.raises(WakeupRefused, match="wrong_queue"):
        parse_wakeup(queue, Wakeup(job, ROW).entry)
