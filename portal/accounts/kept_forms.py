"""Forms that were sent when a fresh sign-in was missing: each is kept until the person has proved who they are, and is
then shown and sent again.

They are in the session, whose content is encrypted, without the fields that may hold secrets. Each has an address of
its own, which only the browser that sent it knows: whoever has copied the session can't put another form there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from django.http import HttpRequest
from django.urls import reverse

KEPT_FORMS = "kept_forms"
"""The entry of the session with the forms by their id, the newest last."""
MAX_FORMS = 3
MAX_CHARACTERS = 20_000
MAX_SHOWN = 100
_SECRET_FIELD = re.compile("pass|secret|token|code|credential|config|otp|csrf", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was sent to `path` from the page `back`. `purpose` completes "You were about to …". `fields` has
    pairs of name and value; it is None if they can't be sent again as they were."""

    path: str
    purpose: str
    back: str
    fields: list[list[str]] | None

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What was typed or chosen, as the person sees it before it is sent: names in words, long values cut."""
        fields = [(name, value) for name, value in self.fields or () if value and not name.startswith("_")]
        return [(name.replace("_", " ").capitalize(), _cut(value)) for name, value in fields]


def keep(request: HttpRequest, purpose: str) -> str:
    """Keep the form of this request; return the address of the page that sends it."""
    form = KeptForm(request.get_full_path(), purpose, _page_of_form(request), _fields(request))
    form_id = secrets.token_urlsafe(16)
    others = list(request.session.get(KEPT_FORMS, {}).items())[-(MAX_FORMS - 1) :]
    request.session[KEPT_FORMS] = {**dict(others), form_id: asdict(form)}
    return f"{reverse('account_continue')}?{urlencode({'form': form_id})}"


def find(request: HttpRequest, address: str) -> KeptForm | None:
    """Return the form of the page with this address, or None."""
    parts = urlsplit(address)
    if parts.path != reverse("account_continue"):
        return None
    [form_id] = parse_qs(parts.query).get("form", [""])[:1]
    kept = request.session.get(KEPT_FORMS, {}).get(form_id)
    return KeptForm(**kept) if kept is not None else None


def forget(request: HttpRequest) -> None:
    """Forget the form that this request sends."""
    kept: dict[str, dict[str, object]] | None = request.session.get(KEPT_FORMS)
    if not kept:
        return
    path, fields = request.get_full_path(), _fields(request)
    left = {
        form_id: form for form_id, form in kept.items() if form["path"] != path or form["fields"] not in (fields, None)
    }
    if left != kept:
        request.session[KEPT_FORMS] = left


def _fields(request: HttpRequest) -> list[list[str]] | None:
    """What was typed; None if it has files, fields that may hold secrets, or is long."""
    fields = [[name, value] for name in request.POST for value in request.POST.getlist(name)]
    fields = [field for field in fields if field[0] != "csrfmiddlewaretoken"]
    if request.FILES or any(_SECRET_FIELD.search(name) and value for name, value in fields):
        return None
    return fields if _length(fields) <= MAX_CHARACTERS else None


def _length(fields: Sequence[Sequence[str]]) -> int:
    return sum(len(text) for field in fields for text in field)


def _page_of_form(request: HttpRequest) -> str:
    """The path of the page that the form was on, on this portal."""
    parts = urlsplit(request.headers.get("Referer", ""))
    path = parts._replace(scheme="", netloc="").geturl()
    return path if parts.netloc == request.get_host() and path.startswith("/") and not path.startswith("//") else "/"


def _cut(value: str) -> str:
    return value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
