"""Looks for secrets in bytes, in the forms that programs write them: in clear, as JSON, base64, base32, hexadecimal,
percent-encoded, UTF-16, and within what is compressed as Django's sessions and RQ's jobs are."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from redis import Redis

MIN_LENGTH = 12
"""Shorter secrets would be found by chance in this or that form."""
MAX_UNPACKED = 4_000_000
_PACKED_TEXT = re.compile(rb"eJ[\w-]{16,}")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


@dataclass(frozen=True, order=True)
class Leak:
    """A canary by its name, and the place where it is."""

    canary: str
    place: str


def forms_of(secret: bytes) -> set[bytes]:
    """What a secret looks like in each form. Raises ValueError for one that is too short."""
    if len(secret) < MIN_LENGTH:
        raise ValueError(f"{len(secret)} bytes are too few")
    text = secret.decode()
    forms = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode(), base64.b32encode(secret)}
    forms |= {text.encode(encoding) for encoding in ("utf-16-le", "utf-16-be")}
    forms |= {
        quote(text, safe="").encode(),
        quote_plus(text).encode(),
        "".join(f"%{byte:02x}" for byte in secret).encode(),
    }
    forms |= {json.dumps(text)[1:-1].encode(), repr(text)[1:-1].encode()}
    for shift in range(3):
        # Within other text, in base64: the characters that depend on this text alone.
        whole = base64.b64encode(b"\0" * shift + secret)
        inner = whole[(4 * shift + 2) // 3 : len(whole) - 4 if (shift + len(secret)) % 3 else len(whole)]
        forms |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return {form for form in forms if len(form) >= MIN_LENGTH}


class Scanner:
    """Knows the canaries, by name, and finds them in files, texts, Redis and processes."""

    def __init__(self, canaries: Mapping[str, bytes]) -> None:
        self._pattern: dict[bytes, str] = {form: name for name, secret in canaries.items() for form in forms_of(secret)}
        self._any = re.compile(b"|".join(re.escape(form) for form in sorted(self._pattern, key=len, reverse=True)))

    def names_in(self, data: bytes) -> set[str]:
        """The canaries in these bytes, and in what is compressed in them."""
        return {self._pattern[found[0]] for part in (data, *unpacked(data)) for found in self._any.finditer(part)}

    def in_data(self, data: bytes, place: str) -> set[Leak]:
        return {Leak(name, place) for name in self.names_in(data)}

    def in_folder(self, folder: Path) -> set[Leak]:
        """In every file; its name and the target of a link count too."""
        found: set[Leak] = set()
        for path in sorted(folder.rglob("*")):
            place = str(path.relative_to(folder))
            found |= self.in_data(place.encode(), f"name of {place}")
            try:
                if path.is_file():
                    found |= self.in_data(path.read_bytes(), place)
            except OSError:  # it is gone by now
                continue
        return found

    def in_redis(self, client: Redis) -> set[Leak]:
        """In every key, value and client's name."""
        found: set[Leak] = set()
        for key in client.scan_iter(count=500):
            for value in (key, *_values(client, key)):
                found |= self.in_data(value, f"redis {bytes(key).partition(b':')[0].decode('latin-1')}")
        return found | self.in_data(repr(client.client_list()).encode(), "redis clients")

    def in_processes(self, pids: Iterable[int]) -> set[Leak]:
        """In environments and command lines."""
        found: set[Leak] = set()
        for pid in pids:
            for name in ("environ", "cmdline"):
                try:
                    data = Path(f"/proc/{pid}/{name}").read_bytes()
                except OSError:
                    continue
                found |= self.in_data(data, f"process {name}")
        return found


def unpacked(data: bytes) -> Iterator[bytes]:
    """What zlib compressed somewhere in the bytes: by itself, or in base64 for addresses as in Django's sessions."""
    for text in _PACKED_TEXT.finditer(data):
        raw = base64.urlsafe_b64decode(text[0][: len(text[0]) // 4 * 4])
        yield from _inflated(raw)
    for start in _PACKED.finditer(data):
        yield from _inflated(memoryview(data)[start.start() : start.start() + MAX_UNPACKED])


def _inflated(raw: bytes | memoryview) -> Iterator[bytes]:
    try:
        found = zlib.decompressobj().decompress(raw, MAX_UNPACKED)
    except zlib.error:
        return
    if len(found) >= MIN_LENGTH:
        yield found


def _values(client: Redis, key: bytes) -> list[bytes]:
    """All that a key of Redis holds."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": lambda name: [client.get(name) or b""],
        b"hash": lambda name: [part for pair in client.hgetall(name).items() for part in pair],
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"stream": lambda name: [repr(client.xrange(name)).encode()],
        b"none": lambda name: [],  # it is gone by now
    }
    kind: Any = client.type(key)
    return list(read[kind](key))
