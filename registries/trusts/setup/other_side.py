"""What the setup of the other side is made from, and what it consists of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ANY = "REPOSITORY"
"""In the place of the repository, which the portal doesn't know."""
_OWN = ("ACCOUNT_ID", "REGION", "PROJECT_ID", "LOCATION", "REGISTRY", "RESOURCE_GROUP", ANY)
"""What is in the place of a customer's own values."""


@dataclass(frozen=True, slots=True)
class OtherSide:
    """What tokens say, and what is known of the customer's side. `subjects` are those of the projects that use the
    trust, by slug; `pattern` fits all of them where the trust is for the whole organization, and is empty where it is
    for one project."""

    issuer: str
    audience: str
    subjects: Mapping[str, str]
    pattern: str
    host: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def bare_issuer(self) -> str:
        """The issuer without its scheme, as AWS names it."""
        return self.issuer.partition("://")[2]

    @property
    def subject(self) -> str:
        """The subject of the first project."""
        return next(iter(self.subjects.values()))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, and the text to paste, if any. `language` is `sh`, `json`, `yaml`, `hcl` or empty."""

    text: str
    code: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to set up the whole other side."""

    name: str
    steps: tuple[Step, ...]


def to_replace(code: str) -> str:
    """Return the sentence that names what has to be replaced in a text; empty if nothing has."""
    names = [name for name in _OWN if re.search(rf"(?<![A-Z_$]){name}(?![A-Z_])", code)]
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Replace {listed} by your own."
