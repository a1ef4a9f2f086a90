"""Rate limits: a key may make a fixed number of calls in each clock minute.

Calls are counted in Redis, which all web processes share. Without Redis each process counts by itself: the API still
responds, and a key may make somewhat more calls.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import redis
import structlog
from django.conf import settings

from portal.http.client_address import share_of
from portal.models import ApiKey

log = structlog.get_logger(__name__)

WINDOW = 60
UNAVAILABLE_SECONDS = 15.0
"""Seconds for which Redis is not used after it did not respond."""


@dataclass(frozen=True)
class Rate:
    """One key's calls in this minute; `reset` is in seconds."""

    limit: int
    used: int
    reset: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Counter:
    """Counts calls by name and minute."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.25)
        self._unavailable_until = 0.0
        self._minute = 0
        self._own: dict[str, int] = {}
        """Calls of that minute by name, while Redis does not count them."""
        self._lock = threading.Lock()

    def add(self, name: str, minute: int) -> int:
        """Count one call; return the number of calls in that minute, including this one."""
        if time.monotonic() >= self._unavailable_until:
            try:
                with self._redis.pipeline() as pipe:
                    key = f"drayage:calls:{name}:{minute}"
                    pipe.incr(key)
                    pipe.expire(key, 2 * WINDOW)
                    return int(pipe.execute()[0])
            except (redis.RedisError, OSError) as error:
                self._unavailable_until = time.monotonic() + UNAVAILABLE_SECONDS
                log.warning("calls_counted_in_process", error=type(error).__name__)
        with self._lock:
            if minute != self._minute:
                self._minute, self._own = minute, {}
            self._own[name] = self._own.get(name, 0) + 1
            return self._own[name]


MAX_WRONG_KEYS = 60
"""Calls without a valid key that a client's address may make in a minute. Those with one are not counted."""

_counter: Counter | None = None


def count_call(key: ApiKey, limit: int) -> Rate:
    """Count a call of this key; return its calls in this clock minute."""
    return _count(str(key.pk), limit)


def count_wrong_key(address: str) -> Rate:
    """Count a call without a valid key from a client at this address; return such calls in this clock minute."""
    return _count(f"wrong:{share_of(address)}", MAX_WRONG_KEYS)


def _count(name: str, limit: int) -> Rate:
    global _counter
    if _counter is None:
        _counter = Counter(str(settings.RQ_QUEUES["pulls"]["URL"]))
    now = time.time()
    minute = int(now // WINDOW)
    used = _counter.add(name, minute)
    return Rate(limit, used, max(1, int(WINDOW - now % WINDOW)))
