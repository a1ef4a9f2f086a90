"""The command `sweep`: one pass, or passes until a signal."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import OperationalError
from pytest_django import Settings


def test_the_command_prints_one_line(transactional_db: None, blobs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sweep")

    counts = json.loads(capsys.readouterr().out)
    assert set(counts) == {
        "leases_expired",
        "credentials_destroyed",
        "credentials_noted",
        "tls_hosts_noted",
        "sealing_keys_created",
        "sealing_keys_deleted",
        "issuer_keys_rotated",
        "trust_uses_deleted",
        "pulls_woken",
        "nodes_released",
        "instances_moved",
        "suspended_ended",
        "failed_attempts_deleted",
        "outages_noted",
        "outages_deleted",
        "notices_woken",
        "events_deleted",
        "password_mails_woken",
        "password_mails_deleted",
        "refused_sign_ins_recorded",
        "owners_alerted",
        "sessions",
        "sign_in_limits_expired",
        "sso_accounts_checked",
        "sso_domains_checked",
        "sso_logouts_deleted",
        "sso_logouts_woken",
        "sso_sign_ins_deleted",
        "sso_required_again",
        "groups_topped_up",
        "manifest_keys_published",
        "manifests_woken",
        "node_keys_vouched",
        "checks_ended",
        "checks_woken",
        "checks_removed",
        "images_removed",
        "blobs_removed",
        "orphans_removed",
        "unfinished_removed",
        "remnants_left",
    }


def sweep_every(seconds: str) -> None:
    """Until a pass sends the signal to end; this process has its handlers back then."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        call_command("sweep", "--every", seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    sweep_every("0.01")

    assert len(passes) == 3
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("error", [OperationalError("the database is away"), OverflowError("a date in a row")])
def test_a_pass_that_fails_is_logged_and_the_next_one_is_tried(
    error: Exception, transactional_db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passes: list[int] = []

    def one_pass(*, thorough: bool) -> dict[str, int]:
        passes.append(1)
        if len(passes) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            return {"pulls_woken": 1, "nodes_released": 0}
        raise error

    monkeypatch.setattr("portal.management.commands.sweep.sweep", one_pass)
    sweep_every("0.001")
    assert len(passes) == 2
    assert '{"pulls_woken": 1, "nodes_released": 0}' in capsys.readouterr().out


def test_the_store_is_listed_four_times_a_grace(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.PORTAL_BLOB_GRACE_SECONDS = 400
    now, listed = [1000.0], list[float]()

    def one_pass(*, thorough: bool) -> dict[str, int]:
        listed.extend([now[0]] if thorough else [])
        now[0] += 33
        if now[0] > 1330:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    monkeypatch.setattr("portal.management.commands.sweep.sweep", one_pass)
    monkeypatch.setattr("portal.management.commands.sweep.time", SimpleNamespace(monotonic=lambda: now[0]))
    sweep_every("0.0001")
    assert listed == [1000, 1132, 1264]
