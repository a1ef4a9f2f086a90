"""Messages for the next page, in a cookie that only this host can set."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    """Django's storage, whose cookie has the prefix of the others (`portal.settings`)."""

    @property
    def cookie_name(self) -> str:  # type: ignore[override]
        """The cookie's name."""
        return f"{settings.COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    """The cookie, or the session for what is too long for one."""

    storage_classes = (HostCookieStorage, SessionStorage)
