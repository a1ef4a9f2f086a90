"""A node on a machine of its own, without network and containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.agent_machine import Machine, start_of


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def running(machine: Machine) -> Machine:
    """The instance runs, and the portal knows it."""
    machine.poll(start=[start_of()])
    machine.poll()
    machine.poll()
    machine.runtime.calls.clear()
    return machine
