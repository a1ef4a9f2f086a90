"""The command `sweep`: one pass, or passes until a signal."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from django.core.management import call_command


def test_the_command_prints_one_line(transactional_db: None, blobs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sweep")

    counts = json.loads(capsys.readouterr().out)
    assert set(counts) >= {
        "leases_expired",
        "credentials_destroyed",
        "sealing_keys_created",
        "sealing_keys_deleted",
        "pulls_woken",
        "nodes_released",
        "groups_topped_up",
        "manifests_woken",
        "checks_ended",
        "checks_woken",
        "checks_removed",
        "images_removed",
        "blobs_removed",
        "orphans_removed",
        "unfinished_removed",
        "remnants_left",
    }


def test_the_command_sweeps_until_a_signal(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passes: list[int] = []

    def one_pass(*, thorough: bool) -> dict[str, int]:
        assert thorough == (not passes)
        passes.append(1)
        if len(passes) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"pulls_woken": len(passes) % 2}

    assert threading.current_thread() is threading.main_thread()
    monkeypatch.setattr("portal.management.commands.sweep.sweep", one_pass)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        call_command("sweep", "--every", "0.01")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert len(passes) == 3
    assert len(capsys.readouterr().out.splitlines()) == 2
