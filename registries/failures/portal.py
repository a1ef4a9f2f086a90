"""Failures of the portal itself."""

from __future__ import annotations

from registries.failures.base import Fault, PullFailed


class Interrupted(PullFailed):
    code = "interrupted"
    fault = Fault.US
    retryable = True
    title = "The pull was interrupted"
    text = "Our worker stopped in the middle of the pull."
    remedy = "Try again. If it stays so, ask support."


class Unexpected(PullFailed):
    code = "unexpected"
    fault = Fault.US
    title = "Something went wrong that we did not foresee"
    text = "The pull failed for a reason we have not classified."
    remedy = "Try again. If it stays so, ask support: they see the details of this failure."
