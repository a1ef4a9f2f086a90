"""Rules for responses of a registry that differ in meaning from the distribution specification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registries.failures import AccessDenied, PullFailed, RateLimited, RegistryRefuses, RegistryResponse
from registries.oci.errors import Stage, denied_case


@dataclass(frozen=True)
class Rule:
    """The failure that a response means if it meets every condition that is set.

    The response must have one of `stages`, one of `statuses` and one of `codes`, and its message must contain one of
    `words` (all in lower case) beside the image's own name. A rule without `codes` and `words` does not change what the
    registry says itself, such as a limit or a policy. `silent` requires a response without code and message. `login`
    requires that credentials were sent, or were not. `reason` completes the text of failures that have one. `case`
    chooses one of the failure's `cases`. `retryable` is whether the same request can succeed later, and
    `keeps_credential` whether the credential may be right, where these differ from the failure's class.
    """

    failure: type[PullFailed]
    stages: tuple[Stage, ...] = ()
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    silent: bool = False
    login: bool | None = None
    reason: str = ""
    case: str = ""
    retryable: bool | None = None
    keeps_credential: bool | None = None

    def matches(self, response: RegistryResponse) -> bool:
        return (
            (not self.stages or response.stage in self.stages)
            and (not self.statuses or response.status in self.statuses)
            and (not self.codes or response.code in self.codes)
            and (not self.words or any(word in response.own_words for word in self.words))
            and (not self.silent or not (response.code or response.message))
            and (self.login is None or self.login == response.login)
        )


def apply(rules: Sequence[Rule], failure: PullFailed) -> PullFailed:
    """Return the failure of the first rule that matches, or `failure` itself."""
    response = failure.response
    if response is None:
        return failure
    rule = next((rule for rule in rules if rule.matches(response)), None)
    if rule is None or (_is_clear(failure) and not (rule.codes or rule.words)):
        return failure
    differs = (rule.retryable, rule.keeps_credential) != (None, None)
    if rule.failure is type(failure) and rule.case in ("", failure.params.get("case")) and not differs:
        return failure
    completing = {"reason": rule.reason, "case": rule.case}
    if issubclass(rule.failure, RegistryRefuses):
        completing["reply"] = failure.raw
    classified = rule.failure(
        raw=failure.raw,
        retry_after=failure.retry_after,
        retryable=rule.retryable,
        host=response.host,
        repository=response.repository,
        version=response.version,
        service=response.service,
        met=response.met,
    )
    if rule.failure is AccessDenied:
        completing["case"] = rule.case or denied_case(response)
    classified.params |= {name: text for name, text in completing.items() if text}
    if rule.keeps_credential is not None:
        classified.keeps_credential = rule.keeps_credential
    classified.response = response
    return classified


def _is_clear(failure: PullFailed) -> bool:
    """Whether the response says in words or by its status what it is about: a limit, a policy, payment."""
    return isinstance(failure, RateLimited) or (
        isinstance(failure, RegistryRefuses) and bool(failure.params.get("case"))
    )
