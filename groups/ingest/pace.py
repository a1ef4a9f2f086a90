"""How fast the layers of an image have to arrive: the larger the image, the faster.

    image, as its manifest declares it    lowest rate
    up to 224 MB                          64 kB/s
    above                                 size / 3500 s: 286 kB/s for 1 GB, 2.86 MB/s for 10 GB

So a pull holds a worker for at most an hour whatever its size, and one without hope ends after a minute. What counts is
the mean of all layers since the first one was requested, with a grace of one minute. The time in the queue doesn't
count, and neither does a pull that waits for the store.
"""

from __future__ import annotations

import time

from registries.failures import RegistryUnreachable, Where, registry_itself
from registries.foundation.units import format_size

MIN_RATE = 64_000
"""Bytes per second."""
MAX_TRANSFER_SECONDS = 3500
GRACE_SECONDS = 60.0


def min_rate(image_bytes: int) -> float:
    """Return the lowest rate, in bytes per second, at which an image of this declared size is pulled."""
    return max(MIN_RATE, image_bytes / MAX_TRANSFER_SECONDS)


class Pace:
    """Compares what has arrived with what should have, for one attempt at an image of `image_bytes` from `host`."""

    def __init__(self, image_bytes: int, host: str) -> None:
        self._image_bytes = image_bytes
        self._host = host
        self._began = time.monotonic()

    def check(self, received: int, waited: float, where: Where | None = None) -> None:
        """Raise RegistryUnreachable if the registry is too slow. `received` are the bytes of all layers so far,
        `waited` the seconds that their readers together have waited for the registry, `where` the service that sends,
        if one does."""
        seconds = time.monotonic() - self._began
        due = min_rate(self._image_bytes) * (seconds - GRACE_SECONDS)
        if received < due and waited > seconds / 2:
            raise RegistryUnreachable(
                **(where or registry_itself(self._host)),
                case="slow",
                reason="it sends too slowly",
                size=format_size(self._image_bytes),
                rate=format_size(round(min_rate(self._image_bytes))),
                raw="slow",
            )
