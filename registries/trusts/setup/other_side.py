"""What the setup of the other side is made from, and what it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ANY = "REPOSITORY"
"""Stands where a customer's own value goes that the portal doesn't know."""


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
