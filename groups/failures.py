"""The failures that storing and limits add to those of `registries.failures`."""

from __future__ import annotations

from registries.failures import Fault, PullFailed


class ImageTooLarge(PullFailed):
    code = "image_too_large"
    fault = Fault.CUSTOMER
    title = "The image is too large"
    text = "The image has {size} compressed; at most {limit} can be pulled."
    remedy = (
        "Make it smaller: leave out what running doesn't need, build in stages, or load large data at start. "
        "Then try again."
    )


class StorageQuotaReached(PullFailed):
    code = "storage_quota_reached"
    fault = Fault.CUSTOMER
    title = "The organization's storage is full"
    text = "This organization stores {used} of at most {limit}, and the image needs {more} more."
    remedy = "Delete groups that are not needed, or ask support for more room. Then try again."


class OrganizationSuspended(PullFailed):
    code = "organization_suspended"
    fault = Fault.US
    keeps_credential = False  # nobody can use it before its time is over, and nothing is kept without a use
    title = "The organization is suspended"
    text = "Nothing is pulled for this organization while it is suspended."
    remedy = "Ask support. Once it is resumed, try again."


class StoreFailed(PullFailed):
    code = "store_failed"
    fault = Fault.US
    retryable = True
    title = "The image could not be stored"
    text = "Our storage did not take the image. This is temporary and not about your image."
    remedy = "Try again in a few minutes. If it stays so, ask support."
