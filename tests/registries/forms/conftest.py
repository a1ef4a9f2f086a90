"""Fixtures of the providers' tests that forms need too."""

from __future__ import annotations

from tests.registries.providers.conftest import google_key

__all__ = ["google_key"]
