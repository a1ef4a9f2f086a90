"""The keys that sign tokens of issuers, and their public parts. One set for all organizations' issuers.

    <PORTAL_KEY_DIR>/worker/  issuer-<n>.key   signs tokens: RSA, PKCS #8 in PEM
    <PORTAL_KEY_DIR>/web/     issuer-<n>.pub   its public part, which clouds fetch: a JWK (RFC 7517)

`kid` is the JWK's thumbprint (RFC 7638). A key signs once it has been public for a day, since AWS and Azure keep the
keys that they have fetched for about that long; the newest such key does. Where there is none, the oldest key signs.
`registries.secrets.issuer_rotation` decides when there is another one, and which ones go.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from django.conf import settings
from joserfc.jwk import KeyParameters, RSAKey

from registries.secrets.keyring import KeyUnavailable, folder_time
from registries.secrets.private_files import delete, write_once

BITS = 2048
PUBLIC_BEFORE_SECONDS = 25 * 3600
"""How long a key is public before it signs."""
_FILE = re.compile(r"issuer-([0-9]{1,9})\.(?:pub|key)")
_USE: KeyParameters = {"use": "sig", "alg": "RS256"}


def create(after: int) -> int:
    """Create the key that follows the number `after`, and publish it; return its number. Worker zone only. When several
    processes create the same one, all but the first change nothing. Raises KeyUnavailable and OSError."""
    _require_worker_zone()
    number = after + 1
    path = _folder("worker") / f"issuer-{number}.key"
    if not path.exists():
        write_once(path, RSAKey.generate_key(BITS).as_pem(private=True))
    publish(number)
    return number


def publish(number: int) -> bool:
    """Write the public part of a key to the web zone's folder; return whether it was not there. Worker zone only."""
    path = _folder("web") / f"issuer-{number}.pub"
    if path.exists():
        return False
    document = _private(number).as_dict(private=False)
    write_once(path, json.dumps(document, sort_keys=True).encode())
    return True


def withdraw(number: int) -> bool:
    """Delete a key, the private one first; return whether that existed. Clouds may keep the public one until they
    fetch the keys again."""
    _require_worker_zone()
    existed = delete(_folder("worker") / f"issuer-{number}.key")
    delete(_folder("web") / f"issuer-{number}.pub")
    return existed


def signing_numbers() -> list[int]:
    """Return the numbers of the keys whose private part exists, in their order. Worker zone only."""
    _require_worker_zone()
    return _numbers("worker", "key")


def published() -> dict[int, float]:
    """Return when each public key was published, by its number: seconds since 1970 by the clock of the folder."""
    times: dict[int, float] = {}
    for number in _numbers("web", "pub"):
        try:
            times[number] = (_folder("web") / f"issuer-{number}.pub").stat().st_mtime
        except FileNotFoundError:
            continue  # withdrawn since the folder was listed
    return times


def public_keys() -> list[dict[str, str]]:
    """Return the public keys as JWKs, the oldest first."""
    keys: list[dict[str, str]] = []
    for number in _numbers("web", "pub"):
        try:
            keys.append(json.loads((_folder("web") / f"issuer-{number}.pub").read_bytes()))
        except FileNotFoundError:
            continue
    return keys


def current_number() -> int:
    """Return the number of the key that signs now. Worker zone only. Raises KeyUnavailable."""
    private, now = set(signing_numbers()), folder_time()
    times = {number: made for number, made in published().items() if number in private}
    if not times:
        raise KeyUnavailable("no key signs tokens of issuers: run manage.py prepare")
    known = [number for number, made in times.items() if now - made >= PUBLIC_BEFORE_SECONDS]
    return max(known) if known else min(times)


def signing_key() -> RSAKey:
    """Return the key that signs now, with its `kid`. Worker zone only. Raises KeyUnavailable."""
    return _private(current_number())


def _private(number: int) -> RSAKey:
    _require_worker_zone()
    try:
        pem = (_folder("worker") / f"issuer-{number}.key").read_bytes()
    except FileNotFoundError:
        raise KeyUnavailable(f"there is no issuer-{number}.key") from None
    return RSAKey.import_key(pem, {**_USE, "kid": RSAKey.import_key(pem).thumbprint()})


def _require_worker_zone() -> None:
    if settings.PORTAL_ZONE == "web":
        raise KeyUnavailable("the web zone doesn't hold the keys of issuers")


def _folder(zone: str) -> Path:
    return Path(settings.PORTAL_KEY_DIR) / zone


def _numbers(zone: str, suffix: str) -> list[int]:
    folder = _folder(zone)
    names = os.listdir(folder) if folder.is_dir() else []
    found = (_FILE.fullmatch(name) for name in names if name.endswith(suffix))
    return sorted(int(match[1]) for match in found if match)
