"""A thief's process: it has copies of the web host's keys, the database, Redis and the store, and the program's source.

Its environment points to the copies. Whatever it opens is opened with the product's own functions, on which it forces
every key that it has in place of the workers'.
"""

from __future__ import annotations

import hashlib
import hmac
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tests.support.helper_process import Calls, serve

OPENING_KEY_BYTES, LAYERS_KEY_BYTES = 96, 32


class CopyThief(Calls):
    """The calls. Each returns what was opened, by kind."""

    def open_sealed(self, folders: list[str]) -> dict[str, list[str]]:
        """Open the credentials and layers with what is in these folders: secrets, and digests of layers in clear."""
        from groups.models import Blob
        from registries.models import Credential

        credentials, blobs = list(Credential.objects.exclude(sealed=None)), list(Blob.objects.all())
        assert credentials, "there is nothing to open"
        assert blobs
        keys = [key for folder in folders for key in _keys(Path(folder))]
        assert len(keys) > 10
        found: dict[str, set[str]] = {"credentials": set(), "layers": set()}
        found["credentials"].update(_opened_credentials(credentials))
        for key in keys:
            with _in_place_of_the_workers(key, {row.epoch or 0 for row in credentials}):
                found["credentials"].update(_opened_credentials(credentials))
                found["layers"].update(_opened_layers(blobs, key))
        return {kind: sorted(values) for kind, values in found.items()}

    def present(self, more: list[str]) -> dict[str, list[str]]:
        """Present every value of the copies, what can be made of it, and these."""
        values = {*_values(), *more}
        assert len(values) > 1000
        return {
            "sessions of nodes": sorted(_node_sessions(values)),
            "sessions of people": sorted(_sessions(values)),
            "one-time secrets": sorted(_one_time_secrets(values)),
            "forged": sorted(_forged()),
        }


def _keys(folder: Path) -> Iterator[bytes]:
    """What may be a key: each file, its ends, and its hashes."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        for form in (raw, raw.strip(), hashlib.sha256(raw).digest(), hashlib.sha512(raw).digest() + raw):
            yield form
            for size in (OPENING_KEY_BYTES, LAYERS_KEY_BYTES):
                yield form[:size].ljust(size, b"\0")
                yield form[-size:].ljust(size, b"\0")


@contextmanager
def _in_place_of_the_workers(key: bytes, epochs: set[int]) -> Iterator[None]:
    """The worker zone's keys are this one."""
    from django.test import override_settings

    with tempfile.TemporaryDirectory() as folder:
        worker = Path(folder, "worker")
        worker.mkdir()
        for name in ("layers.key", *(f"seal-{epoch}.key" for epoch in epochs)):
            (worker / name).write_bytes(key)
        with override_settings(PORTAL_KEY_DIR=Path(folder), PORTAL_ZONE="worker"):
            yield


def _opened_credentials(rows: list[Any]) -> Iterator[str]:
    from registries.secrets.credential_seal import SealBroken, unseal

    for row in rows:
        try:
            opened = unseal(bytes(row.sealed), epoch=row.epoch, credential_id=row.pk)
        except (SealBroken, ValueError):
            continue
        yield from opened.secrets.values()


def _opened_layers(blobs: list[Any], key: bytes) -> Iterator[str]:
    """With the key as the workers', and as that of the layer itself."""
    from groups.storage import store
    from registries.secrets import layer_keys
    from registries.secrets.keyring import KeyUnavailable

    for blob in blobs:
        layer_key = key
        try:
            wrapped = bytes(blob.wrapped_key)
            layer_key = layer_keys.unwrap(wrapped, organization_id=blob.organization_id, digest=blob.digest)
        except (layer_keys.LayerKeyBroken, KeyUnavailable, ValueError):
            pass
        with store.open(blob.name) as file:
            sealed = file.read()
        if len(layer_key) != LAYERS_KEY_BYTES or hmac.digest(layer_key, sealed, "sha256") != bytes(blob.hmac):
            continue
        clear = Cipher(AES(layer_key), CTR(bytes(blob.nonce))).decryptor().update(sealed)
        if f"sha256:{hashlib.sha256(clear).hexdigest()}" == blob.digest:
            yield blob.digest


def _values() -> set[str]:
    """Every value of the database, of Redis' file and of the copied keys, and what is in each."""
    from django.conf import settings

    from tests.support.copied_values import expand, read_database

    found = set(read_database())
    for folder in (settings.PORTAL_DATA_DIR / "redis", settings.PORTAL_KEY_DIR):
        for path in folder.rglob("*"):
            if path.is_file():
                for line in path.read_bytes().split(b"\r\n"):
                    found.update(expand(line))
    return found


def _node_sessions(values: Iterable[str]) -> Iterator[str]:
    from groups.delivery.sessions import SessionClosed, bearer_of, open_session

    for value in values:
        for bearer in (value, f"drs_{value}", bearer_of(value)):
            try:
                open_session(bearer)
            except SessionClosed as closed:
                if closed.token is None:
                    continue
            yield value


def _sessions(values: Iterable[str]) -> Iterator[str]:
    from django.contrib.sessions.models import Session

    from registries.secrets import session_data

    rows = list(Session.objects.all())
    assert rows
    for value in values:
        for row in rows:
            try:
                session_data.decrypt(row.session_data, value)
            except session_data.SessionDataBroken:
                continue
            yield value


def _one_time_secrets(values: set[str]) -> Iterator[str]:
    """Those of which the database has the digest: invitations, API keys, links, tokens, codes."""
    from portal.models import User
    from registries.secrets import one_time

    people = [str(pk) for pk in User.objects.values_list("pk", flat=True)]
    for value in values:
        for purpose in one_time.Purpose:
            for owner in people if purpose == one_time.Purpose.PASSWORD_LINK else [""]:
                if one_time.digest_of(value, purpose, owner) in values:
                    yield value


def _forged() -> Iterator[str]:
    """What Django and allauth would make from the key of their signatures and the rows, if it is accepted."""
    from urllib.parse import urlsplit

    from allauth.account.models import EmailAddress, EmailConfirmationHMAC
    from allauth.account.utils import user_pk_to_url_str
    from django.conf import settings
    from django.contrib.auth.tokens import PasswordResetTokenGenerator
    from django.contrib.sessions.backends import signed_cookies
    from django.test import Client

    from portal.models import User

    def browser() -> Client:
        return Client(SERVER_NAME=urlsplit(settings.PORTAL_PUBLIC_URL).hostname or "")

    assert browser().get("/accounts/login/").status_code == 200
    for person in User.objects.all():
        store = signed_cookies.SessionStore()
        store["_auth_user_id"], store["_auth_user_hash"] = str(person.pk), person.get_session_auth_hash()
        store["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        store.save()
        client = browser()
        client.cookies[settings.SESSION_COOKIE_NAME] = str(store.session_key)
        if client.get("/accounts/password/change/").status_code != 302:
            yield f"session of {person.email}"
        token = PasswordResetTokenGenerator().make_token(person)
        page = browser().get(f"/accounts/password/reset/key/{user_pk_to_url_str(person)}-{token}/")
        if page.status_code != 200 or b"password1" in page.content:
            yield f"password link of {person.email}"
        address = EmailAddress(user=person, email=f"thief+{person.pk}@evil.example", pk=1)
        if browser().get(f"/accounts/confirm-email/{EmailConfirmationHMAC(address).key}/").status_code != 404:
            yield f"confirmation for {person.email}"


if __name__ == "__main__":
    serve(CopyThief())
