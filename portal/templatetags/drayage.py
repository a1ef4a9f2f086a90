"""Formatting of values on pages: icons, states, sizes, durations, times, digests. Nothing here queries the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registries.foundation.secret_patterns import TOKEN_PATTERN
from registries.foundation.units import format_size
from registries.providers import PROVIDERS

register = template.Library()

# State → icon. The colour is the class `state-<state>`.
STATES = {
    "pending": "loader-2",
    "queued": "clock",
    "pulling": "loader-2",
    "stopped": "player-pause",
    "ready": "check",
    "deploying": "circle-arrow-up",
    "running": "circle-dot",
    "succeeded": "circle-check",
    "failed": "circle-x",
    "allocating": "loader-2",
    "downloading": "circle-arrow-up",
    "creating": "circle-arrow-up",
    "stopping": "player-pause",
    "live": "key",
    "destroyed": "flame",
    "new": "circle-dot",
    "seen": "circle-dashed",
    "waiting": "clock",
    "solved": "circle-check",
}
_SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@register.simple_tag
def token_pattern() -> str:
    """Return a regular expression, for scripts too, that matches tokens with a known form."""
    return TOKEN_PATTERN


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite, hidden from screen readers unless it has a label."""
    href = f"{static('vendor/tabler-icons/sprite.svg')}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href)
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.simple_tag
def state(value: str, word: str = "") -> SafeString:
    """A state as icon, word and colour."""
    value = str(value)
    return format_html(
        '<span class="state state-{}">{}<span>{}</span></span>',
        value,
        icon(STATES.get(value, "circle")),
        word or value.capitalize(),
    )


@register.filter
def size(count: int | None) -> str:
    """Bytes in words, such as `1.24 GB`; a dash for None."""
    return "–" if count is None else format_size(count)


@register.filter
def thousands(count: int) -> str:
    """A number with separators: `24,576`."""
    return f"{count:,}"


@register.filter
def kind_mark(kind: str) -> str:
    """The short mark of a kind of registry; `?` for an unknown one."""
    return PROVIDERS[kind].mark if kind in PROVIDERS else "?"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in words: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@register.filter
def span(seconds: int) -> str:
    """A limit in words, in the largest unit that divides it: `30 minutes`, `24 hours`, `7 days`."""
    unit, name = next(pair for pair in _SPANS if seconds % pair[0] == 0 and seconds > pair[0])
    count = seconds // unit
    return f"{count} {name}s"


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """A time relative to now, with the exact one on hover. A script on the page keeps it current."""
    return _time(moment, relative)


@register.filter
def clock(moment: datetime) -> str:
    """The time of day in UTC, `12:04`; with its date, `30 November, 12:04`, if it is half a day ago or more."""
    is_near = abs(timezone.now() - moment) < timedelta(hours=12)
    moment = moment.astimezone(UTC)
    return f"{moment:%H:%M}" if is_near else f"{moment:%-d %B, %H:%M}"


@register.filter
def due(moment: datetime | None) -> SafeString:
    """As `ago`, for a time in the future: `any moment now` once it has come."""
    return _time(moment, expected, "data-due")


def _time(moment: datetime | None, words: Callable[[datetime, datetime], str], mark: str = "") -> SafeString:
    if moment is None:
        return format_html("{}", "–")
    return format_html(
        '<time data-ago {} datetime="{}" title="{}">{}</time>',
        mark,
        moment.isoformat(),
        f"{moment:%-d %B %Y, %H:%M:%S} UTC",
        words(moment, timezone.now()),
    )


def expected(moment: datetime, now: datetime) -> str:
    """`in 20 seconds`, `any moment now`."""
    return relative(moment, now) if moment - now >= timedelta(seconds=5) else "any moment now"


def relative(moment: datetime, now: datetime) -> str:
    """`3 minutes ago`, `in 20 seconds`, `just now`. The future is rounded up, so that nothing is announced early."""
    gap = (now - moment) if now >= moment else (moment - now)
    if gap < timedelta(seconds=5):
        return "just now"
    seconds = gap.total_seconds()
    unit, name = next(pair for pair in _SPANS if seconds >= pair[0])
    count = round(seconds / unit) if now >= moment else ceil(seconds / unit)
    words = f"{count} {name}{'' if count == 1 else 's'}"
    return f"{words} ago" if now >= moment else f"in {words}"


@register.filter
def short_digest(digest: str) -> str:
    """The first twelve digits of a digest: `sha256:1f3a…` becomes `1f3a9c0b7d21`."""
    return digest.partition(":")[2][:12]


@register.filter
def short_reference(reference: str) -> str:
    """A reference with its digest cut to twelve digits: `host/app@sha256:1f3a9c0b7d21…`."""
    named, at, digest = reference.partition("@")
    return f"{named}@{digest[:19]}…" if at and len(digest) > 20 else reference


@register.filter
def path(text: str) -> SafeString:
    """A path that may break at its slashes."""
    return format_html_join("/", "{}<wbr>", ((part,) for part in text.split("/")))


@register.filter
def must_repeat(field: BoundField) -> bool:
    """Whether the field was sent with a secret that is not shown again. Only forms of credentials say so."""
    asks = getattr(field.form, "must_repeat", None)
    return bool(asks and asks(field.name))


@register.filter
def field_attrs(field: BoundField) -> SafeString:
    """The field's widget with its classes and ARIA attributes: described by its help and errors, marked if invalid."""
    described = [f"{field.auto_id}_help"] if field.help_text else []
    if field.errors or must_repeat(field):
        described.append(f"{field.auto_id}_error")
    attrs: dict[str, str | bool] = {"aria-describedby": " ".join(described)} if described else {}
    kind = getattr(field.field.widget, "input_type", "textarea")
    name = {"checkbox": "form-check-input", "radio": "form-check-input", "select": "form-select"}.get(
        kind, "form-control"
    )
    own = field.field.widget.attrs.get("class", "")
    attrs["class"] = " ".join(word for word in (name, own, "is-invalid" if field.errors else "") if word)
    if field.errors:
        attrs["aria-invalid"] = "true"
    if str(field.field.widget.attrs.get("placeholder", "")).startswith(str(field.label)):
        attrs["placeholder"] = False  # allauth's repeat the label
    return field.as_widget(attrs=attrs)
