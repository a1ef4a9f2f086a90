"""The report of an image check: its steps, the size as a bar against the limit, the fix, and tags to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import groups.failures  # noqa: F401 (its words are described here)
from groups.models import ImageCheck
from groups.queries.bars import BAR_LENGTH, segments
from groups.queries.pull_steps import StepLine
from groups.queries.sign_in_offers import SignInOffer, met_offer
from groups.rules.platforms import machine_of
from registries.foundation.ids import OrganizationId
from registries.foundation.units import format_sizes_apart
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise


@dataclass(frozen=True)
class Part:
    """A layer in the bar, or all the small ones together; in units of `groups.queries.bars`."""

    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Bar:
    """The size against the limit. `cap` is the position of the limit from the left; None if the image is within it."""

    parts: list[Part]
    cap: float | None
    size: str
    limit: str

    @property
    def over(self) -> float:
        """The width of the part beyond the limit."""
        return BAR_LENGTH - (BAR_LENGTH if self.cap is None else self.cap)


@dataclass(frozen=True)
class Tag:
    """A tag, and the reference of the image with it."""

    name: str
    reference: str
    is_this: bool


@dataclass(frozen=True)
class OfferedPlatform:
    """A platform of the image that nodes can run, such as `linux/arm64`, and which nodes those are, in words."""

    machine: str
    nodes: str


@dataclass(frozen=True)
class CheckReport:
    """What a page shows of a check at one moment. `pinned` is the reference by digest, empty for one already. The first
    of `platforms` is the one that was checked; there is none where the image was compared with a group's."""

    row: ImageCheck
    sentence: str
    steps: list[StepLine]
    bar: Bar | None
    hint: str
    tags: list[Tag]
    pinned: str
    platforms: list[OfferedPlatform]
    sign_in_offer: SignInOffer | None = None
    moved: bool | None = None
    """Whether the tag points to another image than the group has; None if nobody asked or it is not known."""


def check_report(row: ImageCheck) -> CheckReport:
    """Return the report of the check, without a query."""
    provider = PROVIDERS.get(row.provider) or recognise(row.registry, row.repository)
    named = f"{row.registry}/{row.repository}"
    return CheckReport(
        row=row,
        sentence=_sentence(row),
        moved=_moved(row),
        steps=_steps(row),
        bar=_bar(row),
        hint=provider.hint(row.code, row.params),
        sign_in_offer=_sign_in_offer(row),
        tags=[Tag(name, f"{named}:{name}", name == row.version) for name in row.tags],
        platforms=_platforms(row),
        pinned=f"{named}@{row.digest}" if row.digest and row.version != row.digest else "",
    )


def _sign_in_offer(row: ImageCheck) -> SignInOffer | None:
    organization_id = OrganizationId(row.organization_id)
    return met_offer(row.params, organization_id=organization_id, registry=row.registry) if row.credential_id else None


def _platforms(row: ImageCheck) -> list[OfferedPlatform]:
    if row.against_id is not None or not row.found_platform:
        return []
    checked = machine_of(row.found_platform)
    offered = [OfferedPlatform(machine_of(str(one["platform"])), _nodes(one)) for one in row.platforms]
    return sorted(offered, key=lambda one: one.machine != checked)


def _nodes(offered: Mapping[str, int]) -> str:
    nodes, free = offered["nodes"], offered["free"]
    if not nodes:
        return "No node that fits is connected"
    count = f"{nodes} node{'s fit' if nodes != 1 else ' fits'}"
    return f"{count}, {free or 'none'} with room now"


def _moved(row: ImageCheck) -> bool | None:
    if row.against is None or not row.against.image.digest or not row.platform_digest:
        return None
    return row.platform_digest != row.against.image.digest


def _sentence(row: ImageCheck) -> str:
    match row.status:
        case ImageCheck.Status.QUEUED:
            return "Waiting for a worker"
        case ImageCheck.Status.RUNNING:
            return "Checking"
        case ImageCheck.Status.DONE if (moved := _moved(row)) is not None:
            return f"{row.version} means another image now" if moved else f"{row.version} still means this image"
        case ImageCheck.Status.DONE:
            return "This image can be pulled"
    return row.words.title


def _steps(row: ImageCheck) -> list[StepLine]:
    lines = [_line(step) for step in row.steps]
    reached = {line.name for line in lines}
    return lines + [StepLine(step.value, step.label, "waiting") for step in ImageCheck.Step if step not in reached]


def _line(written: Mapping[str, object]) -> StepLine:
    name = str(written.get("name", ""))
    label = ImageCheck.Step(name).label if name in ImageCheck.Step.values else name
    outcome, detail, raw = (str(written.get(key, "")) for key in ("outcome", "detail", "raw"))
    seconds = written.get("seconds")
    return StepLine(name, label, outcome, seconds if isinstance(seconds, (int, float)) else None, detail, raw)


def _bar(row: ImageCheck) -> Bar | None:
    if not row.size or not row.limit:
        return None
    whole = max(row.size, row.limit)
    sizes = [(int(layer["size"]), str(layer["created_by"]) or "A layer") for layer in row.layers]
    rest = row.size - sum(size for size, _ in sizes)
    if rest > 0:
        sizes.append((rest, "Everything else"))
    drawn = segments([size for size, _ in sizes], whole=whole, gap=3.0, min_length=4.0)
    parts = [Part(part.start, part.length, title) for (_, title), part in zip(sizes, drawn, strict=False)]
    size_text, limit_text = format_sizes_apart(row.size, row.limit)
    cap = round(BAR_LENGTH * row.limit / whole, 2) if row.size > row.limit else None
    return Bar(parts, cap, size_text, limit_text)
