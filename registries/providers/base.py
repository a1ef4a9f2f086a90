"""What a kind of registry declares about itself. Forms, masking and guides are derived from it.

`checks` validates the values, `rules` interprets a registry's responses; what only one kind does is in its own file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registries.failures import CredentialMalformed, PullFailed, RegistryRefuses, Service
from registries.foundation.secret_shapes import find_secret
from registries.oci.login import Login
from registries.oci.reference import MAX_NAME_LENGTH
from registries.oci.transport import Session
from registries.providers import checks
from registries.providers.checks import Check, Field, Notice, Unusable
from registries.providers.rules import Rule, apply

Exchange = Callable[[Mapping[str, str], str], Login]
"""Turns checked values and the registry's host into the login for the registry."""
Connect = Callable[[str], Session]
"""Opens connections on behalf of the registry at a host, within the operator's rules."""
Request = Callable[[Mapping[str, str], str, Connect], Login]
"""As Exchange, for a login that another host gives."""


class Section(StrEnum):
    """Where a kind stands in lists."""

    HOSTED = "Hosted registries"
    OWN = "Registries of your own"
    PUBLIC = "Public, without a credential"


_OWN_REMEDY = {
    "access_denied": ("none_given", "page", "unasked"),
    "authentication_failed": ("none_given",),
    "image_not_found": ("layer",),
    "registry_refuses": ("busy", "legal"),
    "registry_unreachable": ("slow", "unencrypted"),
    "tls_invalid": ("expired", "other_name", "downgraded"),
    "trust_refused": ("altered", "https", "key", "keys", "login", "removed", "suspended", "time", "unsupported"),
}
"""Cases by code that a registry's usual fix is not for: no permission helps who sent no credentials, and no authority
makes an expired certificate valid."""
_ELSEWHERE = (Service.SIGN_IN, Service.STORAGE)


def user_and_secret(values: Mapping[str, str], host: str) -> Login:
    """Return the login that consists of the fields `username` and `password`."""
    return Login(values["username"], values["password"])


@dataclass(frozen=True)
class Provider:
    """One kind of registry.

    `hosts` are patterns that match a registry's whole host, in ASCII and lower case. `host` is set if the kind has only
    one host; otherwise the member enters it, with `host_help`. `mark` is a short label for lists. `called` is how a
    sentence names the registry, where `name` alone is more than that. `has_chosen_names` means that people chose the
    user names, so that none is an id or consists of hex digits. `repair` restores what pasting has damaged, before
    `checks`; both raise `Unusable`. `doubts` are likely mistakes, to be confirmed. `exchange` makes the login; where
    another host gives it, `request` does, and `exchange_host` returns that host for the registry's host. `rules` list
    responses that differ in meaning from the distribution specification. `hints` maps a failure's code to the fix in
    this registry's words. `guide` is a template.

    `labels` are words that a host which runs this software often has as one of its labels: a guess, used where no kind
    knows the host. `domains` are those of all its hosts, if there are few. `usual_host` is the one that most members
    mean, where `host` is empty. Images of a kind in the section PUBLIC need no credential; without `fields` it has
    none. `repositories` are the beginnings of the only names that belong to the kind, at a host that another kind
    shares.
    """

    kind: str
    name: str
    fields: tuple[Field, ...]
    guide: str
    section: Section = Section.HOSTED
    mark: str = ""
    called: str = ""
    hosts: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    repositories: tuple[str, ...] = ()
    host: str = ""
    usual_host: str = ""
    host_help: str = ""
    domains: tuple[str, ...] = ()
    has_chosen_names: bool = False
    repair: Callable[[dict[str, str]], dict[str, str]] | None = None
    checks: tuple[Check, ...] = ()
    doubts: Callable[[Mapping[str, str]], tuple[Notice, ...]] | None = None
    exchange: Exchange = user_and_secret
    request: Request | None = None
    exchange_host: Callable[[str], str] | None = None
    rules: tuple[Rule, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def shared_host(self) -> str:
        """The host that its customers share; "" where each has one of its own."""
        return self.host or self.usual_host

    @property
    def name_in_text(self) -> str:
        """The registry in the middle of a sentence, such as "GitHub's registry"."""
        return self.called or self.name

    @property
    def secret_names(self) -> frozenset[str]:
        """Names of the fields that are sealed."""
        return frozenset(field.name for field in self.fields if field.secret)

    @property
    def is_public(self) -> bool:
        """Whether images of this kind need no credential."""
        return self.section is Section.PUBLIC

    @property
    def name_and_secret(self) -> tuple[str, str] | None:
        """Names of the two fields that people confuse: the first one that is shown and the first one that is sealed.
        None if the kind does not have both."""
        shown = next((field.name for field in self.fields if not field.secret and not field.choices), None)
        sealed = next((field.name for field in self.fields if field.secret), None)
        return (shown, sealed) if shown and sealed else None

    def recognises(self, host: str, repository: str | None = None) -> bool:
        """Whether the name of `host` belongs to this kind, and the repository, where it shares the host."""
        if self.repositories and not (repository or "").startswith(self.repositories):
            return False
        return any(re.fullmatch(pattern, host, re.ASCII) for pattern in self.hosts)

    def resembles(self, host: str) -> bool:
        """Whether `host[:port]` is named as hosts of this kind often are: `harbor.example.com`. A name that contains
        a service's own does not count, such as `registry.gitlab.com.example.net`."""
        name = host.partition(":")[0]
        if len(name) > MAX_NAME_LENGTH or self.labels.isdisjoint(name.split(".")):
            return False
        return not any(re.search(pattern, name, re.ASCII) for pattern in self.hosts)

    def check(self, values: Mapping[str, str], host: str) -> dict[str, str]:
        """Return the values (by field name) to seal: repaired, without empty or unknown ones.

        Sends nothing. Raises `CredentialMalformed` if they can't work for the registry at `host`; its parameter `field`
        names the field at fault, if it is a single one.
        """
        given = {field.name: values[field.name] for field in self.fields if values.get(field.name)}
        try:
            checks.check_shape(self.fields, given)
            if self.repair is not None:
                given = self.repair(given)
            for check in self.checks:
                check(given, host)
        except Unusable as unusable:
            reason, where = unusable.reason, unusable.field
        else:
            return given
        # Outside the handler: exceptions of parsers contain the values.
        if not where and len(self.fields) == 1:
            where = self.fields[0].name
        raise CredentialMalformed(host=host or "the registry", reason=reason, field=where)

    def check_shown(self, values: Mapping[str, str], host: str) -> None:
        """Raise `CredentialMalformed` if a value that stays on the receipt certainly is a secret. Only for new
        credentials: what was stored before is still used."""
        for declared in self.fields:
            text = values.get(declared.name, "")
            is_meant = declared.secret or (declared.pattern and re.fullmatch(declared.pattern, text))
            if not is_meant and find_secret(text, likely=False) is not None:
                reason = f"“{declared.label}” looks like a secret, and would be shown"
                raise CredentialMalformed(host=host or "the registry", reason=reason, field=declared.name)

    def warnings(self, values: Mapping[str, str]) -> tuple[Notice, ...]:
        """Return likely mistakes in the values, to be confirmed or corrected."""
        return checks.notices(self.fields, values) + (self.doubts(values) if self.doubts else ())

    def login(self, values: Mapping[str, str], host: str, connect: Connect | None = None) -> Login:
        """Return the login for the registry at `host`. Worker zone only: some kinds request it, and need `connect`.

        Raises `CredentialMalformed`, or the failure of that request.
        """
        checked = self.check(values, host)
        if self.request is None:
            return self.exchange(checked, host)
        if connect is None:
            raise TypeError(f"{self.kind} asks another host for a login")
        return self.request(checked, host, connect)

    def hint(self, code: str, params: Mapping[str, object]) -> str:
        """Return the fix of a stored failure in this registry's words; "" where its case has a remedy that the fix for
        the code would contradict."""
        case = str(params.get("case") or "")
        if case in _OWN_REMEDY.get(code, ()) and not (self.is_public and case == "none_given"):
            return ""
        told_apart = {rule.case for rule in self.rules if rule.failure is RegistryRefuses}
        if code == RegistryRefuses.code and case not in told_apart:
            return ""  # it is about the cases of its rules, such as a policy
        if code == "registry_unreachable" and self.section is Section.OWN and params.get("service") in _ELSEWHERE:
            return ""  # it is about the registry's own host
        return self.hints.get(code, "")

    def classify(self, failure: PullFailed) -> PullFailed:
        """Return the failure that the response behind `failure` means at this registry; usually the same one."""
        return apply(self.rules, failure)
