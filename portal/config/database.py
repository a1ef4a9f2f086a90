"""The database and how a zone connects to it: `DATABASE_URL`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from portal.config.secret_files import SecretEnv

WEB_STATEMENT_SECONDS = 30
"""What a statement of the web zone may take in PostgreSQL; then it is canceled, and its thread is free again."""


def read_database(env: SecretEnv, data_dir: Path, zone: str) -> dict[str, object]:
    """Return Django's settings of the database; without one that is named, SQLite in `data_dir`."""
    parsed: dict[str, object] = env.dj_db_url("DATABASE_URL", f"sqlite:///{data_dir / 'portal.sqlite3'}")
    if not str(parsed["ENGINE"]).endswith("sqlite3"):
        if password := env.str("DATABASE_PASSWORD", ""):
            parsed["PASSWORD"] = password
        if zone == "web" and str(parsed["ENGINE"]).endswith("postgresql"):
            limit = {"options": f"-c statement_timeout={WEB_STATEMENT_SECONDS}s"}
            parsed["OPTIONS"] = limit | cast("dict[str, object]", parsed.get("OPTIONS", {}))
        return parsed | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return parsed | {
        # Tests use a file as well: threads that share a database in memory lock each other out.
        "TEST": {"NAME": str(data_dir / "test.sqlite3")},
        # Writers queue instead of failing half-way, readers never wait for them.
        "OPTIONS": cast("dict[str, object]", parsed.get("OPTIONS", {}))
        | {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;"
            # Deleted content is overwritten; `registries.secrets.sqlite_remnants` does the rest.
            "PRAGMA secure_delete=ON;",
        },
    }
