"""Speaking to the API, as in `tests.portal.api`."""

from __future__ import annotations

from tests.groups.ingest.conftest import shared, woken
from tests.portal.api.conftest import _own_counter, speaks

__all__ = ["_own_counter", "shared", "speaks", "woken"]
