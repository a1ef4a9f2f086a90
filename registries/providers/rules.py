"""Where a registry's answers mean something else than the distribution specification has it: a table of rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registries.failures import PullFailed, RegistryResponse
from registries.oci.errors import Stage


@dataclass(frozen=True)
class Rule:
    """The failure that an answer means if all of what is set here fits it.

    Of `stages`, `statuses` and `codes` one must be the answer's; of `words`, one must stand in its message (all in
    lower case). `silent` wants an answer without code and message. `login` wants credentials sent, or not sent.
    `reason` completes the text of failures that give one.
    """

    failure: type[PullFailed]
    stages: tuple[Stage, ...] = ()
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    silent: bool = False
    login: bool | None = None
    reason: str = ""

    def matches(self, response: RegistryResponse) -> bool:
        return (
            (not self.stages or response.stage in self.stages)
            and (not self.statuses or response.status in self.statuses)
            and (not self.codes or response.code in self.codes)
            and (not self.words or any(word in response.message for word in self.words))
            and (not self.silent or not (response.code or response.message))
            and (self.login is None or self.login == response.login)
        )


def apply(rules: Sequence[Rule], failure: PullFailed) -> PullFailed:
    """Return the failure of the first rule that fits, or `failure` itself."""
    response = failure.response
    if response is None:
        return failure
    rule = next((each for each in rules if each.matches(response)), None)
    if rule is None or rule.failure is type(failure):
        return failure
    reason = {"reason": rule.reason} if rule.reason else {}
    meant = rule.failure(
        raw=failure.raw,
        retry_after=failure.retry_after,
        host=response.host,
        repository=response.repository,
        version=response.version,
        **reason,
    )
    meant.response = response
    return meant
