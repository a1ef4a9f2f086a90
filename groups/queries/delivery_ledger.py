"""What the delivery ledger tells of a group: each token from its issue to its end, and what was refused.

Reads rows and turns them into what pages and exports print, in a number of queries that does not grow. Writing the
ledger is `groups.delivery`'s.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from groups.delivery.ledger import Reason
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, LayerDelivery, NodeToken, Redemption

PAGE_SIZE = 50
NEWEST = 20
"""How many deliveries a group's own page shows."""
MAX_REFUSALS = 5
"""How many refusals of one token are spelled out."""
UNUSUAL_WITHIN = timedelta(hours=24)
UNUSUAL = (Reason.OTHER_NODE, Reason.REPLAYED, Reason.LAYER_AGAIN, Reason.NOT_LISTED)
"""What an honest node and a slow network don't do."""
REFUSALS = {
    Reason.UNKNOWN: "an unknown token was presented",
    Reason.OTHER_NODE: "another node presented this token",
    Reason.REPLAYED: "the token had been used before",
    Reason.EXPIRED: "the token had expired",
    Reason.REVOKED: "the token had been withdrawn",
    Reason.LAYER_AGAIN: "a layer was asked for again",
    Reason.NOT_LISTED: "something outside of this image was asked for",
}
CSV_COLUMNS = (
    "token",
    "node",
    "node_id",
    "issued_at",
    "expires_at",
    "redeemed_at",
    "redeemed_from",
    "manifest_sent_at",
    "bytes_sent",
    "layers_sent_whole",
    "handed_to_store",
    "ended_at",
    "ended_because",
    "refused",
)
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Unusual:
    """Refusals of one kind in the last day."""

    words: str
    count: int


def newest(group: ContainerGroup) -> list[Any]:
    """Return the newest tokens of the group with what was sent and refused: `.sent`, `.refusals`, `.finished_at`."""
    return _with_refusals(of_group(group)[:NEWEST])


def page(group: ContainerGroup, number: str | None) -> Page[Any]:
    """Return one page of the group's ledger, the newest tokens first, each as `newest` has it."""
    found: Page[Any] = Paginator(of_group(group), PAGE_SIZE).get_page(number)
    found.object_list = _with_refusals(found.object_list)
    return found


def unusual(group: ContainerGroup) -> list[Unusual]:
    """Return what somebody tried with the group's tokens in the last day and was refused."""
    refused = Redemption.objects.filter(
        token__group=group,
        outcome=Redemption.Outcome.REFUSED,
        reason__in=[reason.value for reason in UNUSUAL],
        created_at__gt=Now() - UNUSUAL_WITHIN,
    )
    counted = refused.order_by().values_list("reason").annotate(n=Count("pk")).order_by("-n")
    return [Unusual(REFUSALS[Reason(reason)], count) for reason, count in counted]


def as_csv(group: ContainerGroup) -> Iterator[str]:
    """Yield the group's whole ledger as lines of CSV. Cells that a spreadsheet would run are defused."""
    yield _line(CSV_COLUMNS)
    for token in of_group(group).iterator(chunk_size=500):
        yield _line(
            (
                token.pk,
                token.node_name,
                token.node_id,
                token.issued_at,
                token.expires_at,
                token.redeemed_at,
                token.redeemed_from,
                token.manifest_sent_at,
                token.sent,
                token.whole,
                token.grants,
                token.ended_at,
                token.ended_because,
                token.refused,
            )
        )


def of_group(group: ContainerGroup) -> QuerySet[Any]:
    """Return the group's tokens, the newest first, each with `.sent` (bytes), `.whole` (layers), `.grants` and how
    often something was `.refused`."""
    layers = LayerDelivery.objects.filter(token=OuterRef("pk"))
    refused = Redemption.objects.filter(token=OuterRef("pk"), outcome=Redemption.Outcome.REFUSED)
    return (
        NodeToken.objects.filter(group=group)
        .annotate(
            sent=_sum(layers, Sum("sent_bytes")),
            whole=_sum(layers, Sum("sent_whole")),
            grants=_sum(layers, Sum("grants")),
            refused=_sum(refused, Count("pk")),
        )
        .order_by("-issued_at", "pk")
    )


def refusals(tokens: Iterable[Any], *, most: int) -> dict[Any, list[Redemption]]:
    """Return what was refused by the tokens' ids, the newest first, at most so many in all."""
    found = Redemption.objects.filter(
        token__in=[token.pk for token in tokens if token.refused], outcome=Redemption.Outcome.REFUSED
    )
    by_token: dict[Any, list[Redemption]] = {}
    for each in found.order_by("-created_at")[:most]:
        by_token.setdefault(each.token_id, []).append(each)
    return by_token


def _sum(rows: QuerySet[Any], what: Any) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values("token").annotate(n=what).values("n")), 0)


def _with_refusals(rows: Any) -> list[Any]:
    tokens = list(rows)
    refused = refusals(tokens, most=PAGE_SIZE * MAX_REFUSALS)
    for token in tokens:
        token.refusals = refused.get(token.pk, [])[:MAX_REFUSALS]
        for each in token.refusals:
            each.words = REFUSALS.get(each.reason, "refused")
        token.unsaid = token.refused - len(token.refusals)
        token.finished_at = token.ended_at if token.ended_because == EndReason.DELIVERED else None
    return tokens


def _line(cells: tuple[Any, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(each) for each in cells])
    return out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
