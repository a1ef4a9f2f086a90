"""Bar charts in SVG without script or inline style. Each has the same figures as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from groups.queries.bars import segments
from groups.queries.failure_series import Series, Span, name_of, peak, total

WIDTH, HEIGHT = 960.0, 160.0
GAP = 0.2
"""Share of a bar's room that stays free."""
MAX_COLOURS = 7
REST = "others"


@dataclass(frozen=True)
class Piece:
    """One piece of a bar in units of the view box, with its colour and its text on hover."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    title: str


@dataclass(frozen=True)
class Row:
    """One thing that is counted, with its colour and its sum."""

    name: str
    colour: int
    counts: list[int]

    @property
    def sum(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Chart:
    """A chart with its texts. `marks` are shown below it; `top` is the count of the highest bar."""

    slug: str
    title: str
    text: str
    pieces: list[Piece]
    rows: list[Row]
    heads: list[str]
    marks: list[str]
    top: int
    total: int

    @property
    def table(self) -> list[tuple[str, list[int]]]:
        """A line for each time step in which something was counted."""
        lines = zip(self.heads, zip(*(row.counts for row in self.rows), strict=True), strict=True) if self.rows else []
        return [(head, list(counts)) for head, counts in lines if any(counts)]


def charts(series: Series, span: Span) -> list[Chart]:
    """What failed by kind of registry, and by code."""
    return [
        _chart("kinds", "By kind of registry", series.by_kind, series.moments, span, name_of),
        _chart("codes", "By what went wrong", series.by_code, series.moments, span, str),
    ]


def _chart(
    slug: str, title: str, table: dict[str, list[int]], moments: list[datetime], span: Span, named: Callable[[str], str]
) -> Chart:
    rows = [Row(named(key), colour, counts) for colour, (key, counts) in enumerate(list(table.items())[:MAX_COLOURS])]
    if len(table) > MAX_COLOURS:
        rest = [sum(step) for step in zip(*list(table.values())[MAX_COLOURS:], strict=True)]
        rows.append(Row(REST, MAX_COLOURS, rest))
    heads = [_head(moment, span) for moment in moments]
    most = max(peak(table.values()), 1)
    return Chart(
        slug=slug,
        title=title,
        text=_text(rows, span),
        pieces=_pieces(rows, heads, most),
        rows=rows,
        heads=heads,
        marks=[heads[0], heads[len(heads) // 2], heads[-1]],
        top=peak(table.values()),
        total=total(table),
    )


def _pieces(rows: list[Row], heads: list[str], most: int) -> list[Piece]:
    room = WIDTH / len(heads)
    pieces = []
    for place, head in enumerate(heads):
        x, width = round(room * (place + GAP / 2), 2), round(room * (1 - GAP), 2)
        counted = [row for row in rows if row.counts[place]]
        parts = segments([row.counts[place] for row in counted], length=HEIGHT, whole=most)
        for row, part in zip(counted, parts, strict=True):
            top = round(HEIGHT - part.end, 2)
            pieces.append(Piece(x, top, width, part.length, row.colour, f"{head}: {row.name} {row.counts[place]}"))
    return pieces


def _text(rows: list[Row], span: Span) -> str:
    if not rows:
        return f"Nothing failed in {span.words.partition(',')[0]}."
    sums = ", ".join(f"{row.name} {row.sum}" for row in rows)
    return f"Failed attempts in {span.words}: {sums}."


def _head(moment: datetime, span: Span) -> str:
    return f"{moment:%-d %b}" if span.step >= timedelta(days=1) else f"{moment:%-d %b, %H:00}"
