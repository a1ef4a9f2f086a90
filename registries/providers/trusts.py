"""What a kind of registry declares about trusts: the settings that a pull without a secret needs there.

Nothing of it is secret. `registries.federation.exchanges` has the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registries.providers import checks
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable

Settings = Mapping[str, str]
"""Settings of a trust by name."""
Repair = Callable[[dict[str, str], str], dict[str, str]]
"""Takes settings and the registry's host; returns them as they are stored, and raises `Unusable`."""


def no_suffix(host: str) -> str:
    """Return "": the audience alone says whom a token is for."""
    return ""


@dataclass(frozen=True)
class TrustKind:
    """How one kind of registry trusts the portal.

    `fields` are the settings. `repair` checks them for the registry at a host and returns them as they are stored.
    `audience_of` is whom a token is for. `suffix_of` is the end of the subject for a host, where the audience alone
    doesn't limit whom the token can be shown to. `answers_at` names the services that are asked, in order, for a host.
    `note` is what a member should know before it is used.
    """

    provider: Provider
    fields: tuple[Field, ...]
    repair: Repair
    audience_of: Callable[[Settings, str], str]
    answers_at: Callable[[Settings, str], tuple[str, ...]]
    suffix_of: Callable[[str], str] = no_suffix
    note: str = ""

    def check(self, settings: Settings, host: str) -> dict[str, str]:
        """Return the settings to store, without empty ones and blanks around values. Sends nothing. Raises `Unusable`,
        whose field is `host` or the name of a setting."""
        unknown = sorted(settings.keys() - {field.name for field in self.fields})
        if unknown:
            raise Unusable(f"{self.provider.name} has no setting of that name", unknown[0][:40])
        given = {name: value.strip() for name, value in settings.items() if value.strip()}
        checks.check_shape(self.fields, given)
        return self.repair(given, host)

    def audience(self, settings: Settings, host: str) -> str:
        """Return whom a token is for."""
        return self.audience_of(settings, host)

    def subject_suffix(self, host: str) -> str:
        """Return the end of the subject of tokens for `host`, empty as a rule."""
        return self.suffix_of(host)
