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


class StoreFailed(PullFailed):
    code = "store_failed"
    fault = Fault.US
    retryable = True
    title = "The image could not be stored"
    text = "Our storage did not take the image. This is temporary and not about your image."
    remedy = "Try again in a few minutes. If it stays so, ask support."
