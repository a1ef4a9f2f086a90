"""What a kind of registry declares about itself. Forms, masking and guides derive from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from registries.oci.auth import Login


@dataclass(frozen=True)
class Field:
    """One thing that a member types. A secret is sealed and never shown again; the rest stays on the receipt."""

    name: str
    label: str
    help: str
    secret: bool = False
    placeholder: str = ""


@dataclass(frozen=True)
class Provider:
    """One kind of registry.

    `host` is fixed where the kind has one host, else the member types it. `login` turns the typed values (by field
    name) into what the registry is shown, raising `registries.failures.CredentialMalformed`. `token_hosts` are
    hosts besides the registry's own that may be asked for a token. `hints` maps a failure's code to the fix in this
    registry's words. `guide` is a template.
    """

    kind: str
    name: str
    fields: tuple[Field, ...]
    login: Callable[[Mapping[str, str]], Login]
    guide: str
    host: str = ""
    host_help: str = ""
    token_hosts: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def secret_names(self) -> frozenset[str]:
        """Names of the fields that are sealed."""
        return frozenset(each.name for each in self.fields if each.secret)
