"""Sessions whose key is only in the cookie (`SESSION_ENGINE`).

The table is Django's, so `clearsessions` and the expiry work as ever. `registries.secrets.session_data` says what is
stored in its columns.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from portal.accounts.session_limits import BEGAN_AT, SEEN_AT
from portal.models import BrowserSession
from registries.secrets.session_data import SessionDataBroken, decrypt, encrypt, row_key

VISITORS_KEPT = timedelta(days=1)
"""How long the session of somebody who has not signed in is kept, such as with the link of an invitation."""

log = structlog.get_logger(__name__)


class SessionStore(db.SessionStore):
    """A session found by the digest of its key. `session_key` is the key itself, as everywhere in Django."""

    def encode(self, session_dict: dict[str, object]) -> str:
        """Return the data as it is stored, which only this session's key decrypts."""
        key: str = self._get_or_create_session_key()  # type: ignore[attr-defined]  # not in the stubs
        return encrypt(self.serializer().dumps(session_dict), key)

    def decode(self, session_data: bytes | str) -> dict[str, object]:
        """Return the data of the row; none if it is another session's or damaged, which signs the person out."""
        try:
            stored = decrypt(str(session_data), self.session_key or "")
            decoded: dict[str, object] = self.serializer().loads(stored)
        except (SessionDataBroken, ValueError):
            log.warning("session_data_broken")
            return {}
        return decoded

    def exists(self, session_key: str) -> bool:
        """Whether there is a session with this key."""
        return self.model.objects.filter(session_key=row_key(session_key)).exists()

    async def aexists(self, session_key: str) -> bool:
        """Whether there is a session with this key."""
        return await sync_to_async(self.exists)(session_key)

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        """Return the row that stores this session. A visitor's is not kept for long: anybody can have any number."""
        row = super().create_model_instance(data)
        row.session_key = row_key(row.session_key)
        if SESSION_KEY not in data:
            row.expire_date = min(row.expire_date, timezone.now() + VISITORS_KEPT)
        return row

    async def acreate_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        """Return the row that stores this session."""
        return await sync_to_async(self.create_model_instance)(data)

    def save(self, must_create: bool = False) -> None:
        """Store the session. A new one notes when it begins, which a sign-in replaces."""
        if must_create:
            now = time.time()
            entries = self._get_session(no_load=True)  # type: ignore[attr-defined]
            entries.setdefault(BEGAN_AT, now)
            entries.setdefault(SEEN_AT, now)
        super().save(must_create)

    def cycle_key(self) -> None:
        """Give the session another key, and its browser's entry in the list of sessions with it."""
        before = self.session_key
        entry = BrowserSession.objects.filter(row_key=row_key(before)).first() if before is not None else None
        super().cycle_key()  # deletes both of the session before
        if entry is not None:
            entry.row_key = row_key(str(self.session_key))
            entry.save(force_insert=True)

    def delete(self, session_key: str | None = None) -> None:
        """Delete this session, or the one with another key, and its browser's entry in the list of sessions."""
        key = session_key or self.session_key
        if key is not None:
            self.model.objects.filter(session_key=row_key(key)).delete()
            BrowserSession.objects.filter(row_key=row_key(key)).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        """Delete this session, or the one with another key."""
        await sync_to_async(self.delete)(session_key)

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        key = self.session_key
        rows = self.model.objects.filter(expire_date__gt=timezone.now())
        found = rows.filter(session_key=row_key(key)).first() if key else None
        if found is None:
            self._session_key = None
        return found

    async def _aget_session_from_db(self) -> AbstractBaseSession | None:
        return await sync_to_async(self._get_session_from_db)()
