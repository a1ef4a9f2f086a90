"""Failures at Acme: one that nobody asked about, one that bob asked about and shares, one that he keeps to himself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from groups.models import Failure
from portal.models import FailureCase, SupportRequest
from portal.support import conversations
from tests.support.actors import acting
from tests.support.pulls import make_group

HOST = "registry.acme-secret.example"


@dataclass(frozen=True)
class Cases:
    silent: Failure
    shared: SupportRequest
    kept: SupportRequest
    other: SupportRequest


def fail(project: Any, name: str, **values: Any) -> Failure:
    """A pull that failed, with names that only its owner should see."""
    group = make_group(project, f"{HOST}/team/{name}:1", name=name)
    return Failure.objects.create(
        organization=project.organization,
        group=group,
        group_name=name,
        reference=f"{HOST}/team/{name}:1",
        registry=HOST,
        provider="self_hosted",
        step="authenticate",
        code="authentication_failed",
        params={"host": HOST},
        raw="401 UNAUTHORIZED",
        trace=[
            {
                "name": "resolve",
                "outcome": "ok",
                "started_at": "2026-01-01T00:00:00+00:00",
                "finished_at": "2026-01-01T00:00:02.500000+00:00",
                "detail": HOST,
                "raw": "",
            },
            {"name": "authenticate", "outcome": "failed", "raw": "401 UNAUTHORIZED"},
        ],
        **values,
    )


def case_of(failure: Failure) -> tuple[str, str]:
    """Support's state and note of a failure; new and no note as long as support hasn't touched it."""
    case = FailureCase.objects.filter(failure=failure).first() or FailureCase(failure=failure)
    return case.state, case.note


def address(row: Any) -> str:
    """The page of a case at the desk."""
    return f"/admin/desk/{'failure' if isinstance(row, Failure) else 'request'}/{row.pk}/"


@pytest.fixture
def cases(acme: Any, project: Any, bob: Any) -> Cases:
    def ask(name: str, shares: bool) -> SupportRequest:
        return conversations.ask(
            acme, by=acting(bob), kind="failure", failure=fail(project, name), message="Why?", shares=shares
        )

    return Cases(
        silent=fail(project, "silent-app"),
        shared=ask("shared-app", True),
        kept=ask("kept-app", False),
        other=conversations.ask(acme, by=acting(bob), kind="other", message="Where is the switch?"),
    )
