"""Run pytest on a PostgreSQL of its own: `python -m tests.on_postgresql -n 0 tests/groups/nodes`.

Without arguments it runs every fast and slow test that uses the database, in two processes, as `make test` does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support.postgresql import Postgres

FAST = [
    "-n", "2", "-m", "database and not interop and not faults and not browser",
    "--ignore=tests/security/test_access_table.py",  # who opens an address doesn't depend on the database
]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Return what pytest returned. The server goes as well if this is asked to end early."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Postgres() as postgres:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *(arguments or FAST)],
            env=os.environ | {"TEST_DATABASE_URL": postgres.url},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
