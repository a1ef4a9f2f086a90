"""Starting a worker: only this class, only these queues, and the options of earlier deployments."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from portal.management.commands import rqworker

NAMED = ["--worker-class", "groups.worker.PullWorker", "--serializer", "rq.serializers.JSONSerializer"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was started: queues, name and options."""
    found: list[Any] = []

    class Worker:
        def __init__(self, queues: list[str], *, connection: object, name: str | None) -> None:
            found.append((queues, name))

        def work(self, **options: object) -> None:
            found.append(options)

    monkeypatch.setattr(rqworker, "PullWorker", Worker)
    monkeypatch.setattr(rqworker, "connections", type("Connections", (), {"close_all": staticmethod(lambda: None)}))
    return found


@pytest.mark.parametrize("options", [[], NAMED], ids=["plain", "as before"])
def test_a_worker_is_started(made: list[Any], options: list[str]) -> None:
    call_command("rqworker", "checks", "pulls", *options, "--name", "first")
    assert made == [(["checks", "pulls"], "first"), {"burst": False, "max_jobs": None}]


@pytest.mark.parametrize(
    "options",
    [
        ["pulls", "--worker-class", "rq.Worker"],
        ["pulls", "--worker-class", "subprocess.getoutput"],
        ["pulls", "--serializer", "rq.serializers.DefaultSerializer"],
        ["pulls", "--with-scheduler"],
        ["pulls", "--job-class", "rq.job.Job"],
        ["default"],
        [],
    ],
    ids=" ".join,
)
def test_no_other_worker_is_started(made: list[Any], options: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("rqworker", *options)
    assert made == []
