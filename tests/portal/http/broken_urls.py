"""A portal on which every page breaks, and says the request that broke it."""

from __future__ import annotations

from typing import Any

from django.urls import path


def _broken(request: Any, where: str) -> Any:
    raise RuntimeError(f"{request!r} {where}")


urlpatterns = [path("<path:where>", _broken)]
