"""The delivery ledger of a group: each token from its issue to its end, what was sent, and what was refused.

Every function takes a constant number of queries. `groups.delivery` writes the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar, cast

from django.core.paginator import Page, Paginator
from django.db.models import Aggregate, Count, Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from groups.delivery.ledger import Reason
from groups.models import ContainerGroup, LayerDelivery, NodeToken, Redemption
from registries.foundation.csv_lines import csv_line
from registries.foundation.ids import TokenId

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Sums(TypedDict):
        sent: int
        whole: int
        grants: int
        refused: int

    LedgerToken: TypeAlias = WithAnnotations[NodeToken, _Sums]
else:
    LedgerToken = NodeToken

PAGE_SIZE = 50
MAX_NEWEST = 20
"""Deliveries on a group's own page."""
MAX_REFUSALS = 5
"""Refusals of one token that are listed."""
UNUSUAL_WITHIN = timedelta(hours=24)
UNUSUAL = (Reason.OTHER_NODE, Reason.OTHER_ADDRESS, Reason.REPLAYED, Reason.LAYER_AGAIN, Reason.NOT_LISTED)
"""Refusals that neither an honest node nor a slow network explains."""
REFUSALS = {
    Reason.UNKNOWN: "an unknown token was presented",
    Reason.OTHER_NODE: "another node presented this token",
    Reason.OTHER_ADDRESS: "the token had been used, and was presented again from another address",
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
    "repeated_at",
    "manifest_sent_at",
    "bytes_sent",
    "layers_sent_whole",
    "handed_to_store",
    "ended_at",
    "ended_because",
    "refused",
)
_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True)
class Unusual:
    """Refusals of one kind in the last day."""

    words: str
    count: int


@dataclass(frozen=True)
class Refused:
    """One refusal of a token: when, in which words, and the address that presented it."""

    created_at: datetime
    words: str
    address: str | None


@dataclass(frozen=True)
class Delivery:
    """One token with its sums, its newest refusals, and how many more there are."""

    token: LedgerToken
    refusals: list[Refused]
    more_refused: int


def newest_deliveries(group: ContainerGroup) -> list[Delivery]:
    """Return the newest deliveries of the group, at most MAX_NEWEST."""
    return deliveries(tokens_of(group)[:MAX_NEWEST])


def ledger_page(group: ContainerGroup, number: str | None) -> Page[LedgerToken]:
    """Return one page of the group's tokens, the newest first. `deliveries` turns it into what is shown."""
    return Paginator(tokens_of(group), PAGE_SIZE).get_page(number)


def deliveries(tokens: Iterable[LedgerToken]) -> list[Delivery]:
    """Return the deliveries of these tokens with the refusals of each, at most MAX_REFUSALS. One query."""
    tokens = list(tokens)
    refused = refusals_by_token(tokens, limit=PAGE_SIZE * MAX_REFUSALS)
    return [_delivery(token, refused.get(token.pk, [])[:MAX_REFUSALS]) for token in tokens]


def unusual_refusals(group: ContainerGroup) -> list[Unusual]:
    """Return the unusual refusals of the group's tokens in the last day, by kind."""
    refused = Redemption.objects.filter(
        token__group=group,
        outcome=Redemption.Outcome.REFUSED,
        reason__in=[reason.value for reason in UNUSUAL],
        created_at__gt=Now() - UNUSUAL_WITHIN,
    )
    counted = refused.order_by().values_list("reason").annotate(n=Count("pk")).order_by("-n")
    return [Unusual(REFUSALS[Reason(reason)], count) for reason, count in counted]


def ledger_csv(group: ContainerGroup) -> Iterator[str]:
    """Yield the group's whole ledger as lines of CSV."""
    yield csv_line(CSV_COLUMNS)
    for token in tokens_of(group).iterator(chunk_size=500):
        values = (
            token.pk,
            token.node_name,
            token.node_id,
            token.issued_at,
            token.expires_at,
            token.redeemed_at,
            token.redeemed_from,
            token.repeated_at,
            token.manifest_sent_at,
            token.sent,
            token.whole,
            token.grants,
            token.ended_at,
            token.ended_because,
            token.refused,
        )
        yield csv_line(_cell(value) for value in values)


def tokens_of(group: ContainerGroup) -> QuerySet[LedgerToken]:
    """Return the group's tokens, the newest first, each with `.sent` (bytes), `.whole` (layers that were sent whole),
    `.grants` (how often nginx or the store sent a layer instead) and `.refused` (number of refusals)."""
    layers = LayerDelivery.objects.filter(token=OuterRef("pk"))
    refused = Redemption.objects.filter(token=OuterRef("pk"), outcome=Redemption.Outcome.REFUSED)
    return cast(
        "QuerySet[LedgerToken]",
        NodeToken.objects.filter(group=group)
        .annotate(
            sent=_sum(layers, Sum("sent_bytes")),
            whole=_sum(layers, Sum("sent_whole")),
            grants=_sum(layers, Sum("grants")),
            refused=_sum(refused, Count("pk")),
        )
        .order_by("-issued_at", "pk"),
    )


def refusals_by_token(tokens: Iterable[LedgerToken], *, limit: int) -> dict[TokenId, list[Redemption]]:
    """Return refusals by the token's id, the newest first, at most `limit` in all."""
    rows = Redemption.objects.filter(
        token__in=[token.pk for token in tokens if token.refused], outcome=Redemption.Outcome.REFUSED
    )
    by_token: dict[TokenId, list[Redemption]] = {}
    for row in rows.order_by("-created_at")[:limit]:
        if row.token_id is not None:
            by_token.setdefault(row.token_id, []).append(row)
    return by_token


def _sum(rows: QuerySet[_Row], aggregate: Aggregate) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values("token").annotate(n=aggregate).values("n")), 0)


def _delivery(token: LedgerToken, rows: list[Redemption]) -> Delivery:
    refusals = [Refused(row.created_at, _words(row.reason), row.address) for row in rows]
    return Delivery(token, refusals, token.refused - len(refusals))


def _words(reason: str) -> str:
    return REFUSALS[Reason(reason)] if reason in REFUSALS else "refused"


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "" if value is None else str(value)
