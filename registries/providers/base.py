"""What a kind of registry declares about itself. Forms, masking and guides derive from it.

How the declared values are judged stands in `checks`, how a registry's answers are read in `rules`; what only one
kind does stands in its own file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from registries.failures import CredentialMalformed, PullFailed
from registries.oci.auth import Login
from registries.providers import checks
from registries.providers.checks import Check, Field, Notice, Unusable
from registries.providers.rules import Rule, apply

Exchange = Callable[[Mapping[str, str], str], Login]
"""Turns checked values and the registry's host into what the registry is shown."""


def user_and_secret(values: Mapping[str, str], host: str) -> Login:
    """The login of a registry that is shown what was typed: the fields `username` and `password`."""
    return Login(values["username"], values["password"])


@dataclass(frozen=True)
class Provider:
    """One kind of registry.

    `hosts` are patterns that a registry's host matches as a whole, in ASCII and lower case. `host` is set where the
    kind has one host, else the member types it, helped by `host_help`. `mark` is a short sign for lists.
    `token_hosts` are hosts besides the registry's own that may be asked for a token. `repair` mends what a paste
    has broken, before `checks` judge it; either raises `Unusable`. `exchange` makes the login; `exchange_host`
    names the host that it shows the secret to, by the registry's host, where it asks one. `rules` say where
    this registry's answers mean something else than the distribution specification has it. `hints` maps a
    failure's code to the fix in this registry's words. `guide` is a template.
    """

    kind: str
    name: str
    fields: tuple[Field, ...]
    guide: str
    mark: str = ""
    hosts: tuple[str, ...] = ()
    host: str = ""
    host_help: str = ""
    token_hosts: tuple[str, ...] = ()
    repair: Callable[[dict[str, str]], dict[str, str]] | None = None
    checks: tuple[Check, ...] = ()
    exchange: Exchange = user_and_secret
    exchange_host: Callable[[str], str] | None = None
    rules: tuple[Rule, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def secret_names(self) -> frozenset[str]:
        """Names of the fields that are sealed."""
        return frozenset(each.name for each in self.fields if each.secret)

    def recognises(self, host: str) -> bool:
        """Whether `host` is one of this kind by its name."""
        return any(re.fullmatch(pattern, host, re.ASCII) for pattern in self.hosts)

    def check(self, values: Mapping[str, str], host: str) -> dict[str, str]:
        """Return the values (by field name) as they are to be sealed: repaired, without empty or unknown ones.

        Sends nothing. Raises `CredentialMalformed` where they can't work for the registry at `host`; its parameter
        `field` names the field to blame, if it is one.
        """
        typed = {each.name: values[each.name] for each in self.fields if values.get(each.name)}
        try:
            checks.check_shape(self.fields, typed)
            if self.repair is not None:
                typed = self.repair(typed)
            for judge in self.checks:
                judge(typed, host)
        except Unusable as unusable:
            reason, where = unusable.reason, unusable.field
        else:
            return typed
        # Out of the handler: what was typed hangs on the exceptions of parsers.
        if not where and len(self.fields) == 1:
            where = self.fields[0].name
        raise CredentialMalformed(host=host or "the registry", reason=reason, field=where)

    def warnings(self, values: Mapping[str, str]) -> tuple[Notice, ...]:
        """Return what looks like a slip in the values, yet may be meant: to be shown, and confirmed or mended."""
        return checks.notices(self.fields, values)

    def login(self, values: Mapping[str, str], host: str) -> Login:
        """Return what the registry at `host` is shown. Worker zone only: some kinds ask for a token to do so.

        Raises `CredentialMalformed`, and where a token is asked for, what that failed with.
        """
        return self.exchange(self.check(values, host), host)

    def classify(self, failure: PullFailed) -> PullFailed:
        """Return the failure that the answer behind `failure` means at this registry; mostly the same one."""
        return apply(self.rules, failure)
