"""A portal on which every page breaks, and says the request that broke it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def _broken(request: HttpRequest, where: str) -> HttpResponse:
    raise RuntimeError(f"{request!r} {where}")


urlpatterns = [path("<path:where>", _broken)]
