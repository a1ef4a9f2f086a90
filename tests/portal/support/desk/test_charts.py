"""Charts: bars that add up, words for who can't see them, and a warning while something is out of order."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from groups.models import FailedAttempt
from groups.queries.failure_series import SPANS, series
from portal.support.desk.charts import HEIGHT, charts
from tests.support.outages import QUAY, make_outage

QUEUE = "/admin/desk/"


def fail(acme: Any, count: int, kind: str = "quay", hours: int = 0) -> None:
    for _ in range(count):
        row = FailedAttempt.objects.create(
            organization=acme, kind=kind, code="rate_limited", step="manifest", final=True
        )
        FailedAttempt.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=hours, seconds=1))


def test_bars_are_stacked(acme: Any) -> None:
    fail(acme, 3, hours=5)
    fail(acme, 1, "ghcr", hours=5)
    kinds, codes = charts(series(SPANS["hours"]), SPANS["hours"])

    low, high = sorted(kinds.pieces, key=lambda piece: -piece.y)
    assert (kinds.total, kinds.top) == (4, 4)
    assert low.y + low.height == HEIGHT
    assert (round(low.height), round(high.height), round(high.y)) == (120, 40, 0)
    assert low.x == high.x
    assert [(row.name, row.sum) for row in kinds.rows] == [("Quay.io", 3), ("GitHub", 1)]
    assert [(row.name, row.sum) for row in codes.rows] == [("rate_limited", 4)]
    assert [counts for _, counts in kinds.table] == [[3, 1]]
    assert "Quay.io 3" in kinds.text


def test_many_kinds_share_one_last_colour(acme: Any) -> None:
    for number in range(12):
        fail(acme, 12 - number, f"kind-{number:02}")
    kinds, _ = charts(series(SPANS["days"]), SPANS["days"])
    assert len(kinds.rows) == 8
    assert kinds.rows[-1].name == "others"
    assert sum(row.sum for row in kinds.rows) == kinds.total == 78


def test_the_desk_draws_them_without_inline_code(acme: Any, sam: Any, as_user: Any) -> None:
    fail(acme, 2)
    for address in (f"{QUEUE}?span=days", f"{QUEUE}pulse/?span=hours"):
        text = as_user(sam).get(address).content.decode()
        assert text.count('role="img" aria-labelledby') == 2
        assert "<desc" in text
        assert "is failing" not in text
        assert not re.findall(r"<[^>]+\s(?:style|on[a-z]+)=", text)


def test_an_outage_is_said_at_once(acme: Any, sam: Any, as_user: Any) -> None:
    now = timezone.now()
    make_outage(QUAY, began_at=now, last_failed_at=now)
    text = as_user(sam).get(f"{QUEUE}pulse/").content.decode()
    assert f"Quay.io has been failing since {now:%H:%M} UTC. Up to 14 failed attempts in ten minutes" in text
    assert 'href="/admin/desk/?kind=quay&amp;age=hour"' in text


def test_nothing_to_draw(sam: Any, as_user: Any) -> None:
    client: Client = as_user(sam)
    assert "Nothing failed in the last 48 hours." in client.get(f"{QUEUE}pulse/").content.decode()
