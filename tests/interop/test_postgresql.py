"""What depends on the database's way of locking, once more on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from portal.config.env import CHECKOUT
from tests.support.postgresql import Postgres

pytestmark = pytest.mark.interop
TESTS = [
    "tests/groups/nodes/test_many_at_once.py",
    "tests/groups/nodes/test_restarts.py",
    "tests/groups/nodes/test_drain.py",
    "tests/groups/nodes/test_portal_uptime.py",
    "tests/groups/nodes/test_scheduler.py",
    "tests/groups/nodes/test_liveness.py",
    "tests/groups/nodes/test_instance_orders.py",
    "tests/groups/ingest/test_credential_hold_locks.py",
]


AUDIT = [
    "tests/portal/audit/test_chain.py",
    "tests/portal/audit/test_lock_order.py",
    "tests/portal/audit/test_triggers.py",
    "tests/portal/audit/test_verification.py",
    "tests/portal/management/commands/test_verify_activity.py",
]


def test_nodes_and_tokens_on_postgresql() -> None:
    _pass_on_postgresql(*TESTS)


def test_the_activity_on_postgresql() -> None:
    _pass_on_postgresql(*AUDIT)


def test_an_upgrade_on_postgresql() -> None:
    _pass_on_postgresql("tests/test_upgrade.py")


def _pass_on_postgresql(*tests: str) -> None:
    with Postgres() as postgres:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests],
            cwd=CHECKOUT,
            env=os.environ | {"TEST_DATABASE_URL": postgres.url},
            capture_output=True,
            text=True,
            timeout=280,
        )
    assert done.returncode == 0, done.stdout[-6000:]
