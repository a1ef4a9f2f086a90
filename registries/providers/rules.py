"""Where a registry's answers mean something else than the distribution specification has it: a table of rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registries.failures import PullFailed, Said
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

    def fits(self, said: Said) -> bool:
        return (
            (not self.stages or said.stage in self.stages)
            and (not self.statuses or said.status in self.statuses)
            and (not self.codes or said.code in self.codes)
            and (not self.words or any(word in said.message for word in self.words))
            and (not self.silent or not (said.code or said.message))
            and (self.login is None or self.login == said.login)
        )


def apply(rules: Sequence[Rule], failure: PullFailed) -> PullFailed:
    """Return the failure of the first rule that fits, or `failure` itself."""
    said = failure.said
    if said is None:
        return failure
    rule = next((each for each in rules if each.fits(said)), None)
    if rule is None or rule.failure is type(failure):
        return failure
    reason = {"reason": rule.reason} if rule.reason else {}
    meant = rule.failure(
        raw=failure.raw,
        retry_after=failure.retry_after,
        host=said.host,
        repository=said.repository,
        version=said.version,
        **reason,
    )
    meant.said = said
    return meant
