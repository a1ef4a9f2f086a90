"""A secret is found in whatever form it is written, and where a portal could leave one."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core import signing

from tests.security.canary_scan import Leak, Scanner, forms_of

SECRET = "canary/päss wörd+7f3a".encode()
TEXT = SECRET.decode()
SCANNER = Scanner({"password": SECRET, "token": b"drt_0123456789abcdefghij"})

WRITTEN: dict[str, Callable[[], bytes]] = {
    "in clear": lambda: b"x=" + SECRET + b";",
    "json": lambda: json.dumps({"x": TEXT}).encode(),
    "repr": lambda: repr({"x": SECRET}).encode() + repr({"x": TEXT}).encode(),
    "base64": lambda: base64.b64encode(SECRET),
    "base64 after one byte": lambda: base64.b64encode(b"a" + SECRET + b"b"),
    "base64 of a login": lambda: base64.b64encode(b"deploy:" + SECRET),
    "base64 after two bytes": lambda: base64.b64encode(b"ab" + SECRET + b"xyz"),
    "base64 for addresses": lambda: base64.urlsafe_b64encode(b"deploy2:" + SECRET),
    "base32": lambda: base64.b32encode(SECRET),
    "hexadecimal": lambda: SECRET.hex().encode(),
    "upper hexadecimal": lambda: SECRET.hex().upper().encode(),
    "percent": lambda: b"/?q=" + quote(TEXT, safe="").encode(),
    "form": lambda: b"password=" + quote(TEXT, safe="").replace("%20", "+").encode(),
    "utf-16": lambda: TEXT.encode("utf-16-le"),
    "backwards": lambda: SECRET[::-1],
    "zlib": lambda: b"junk" + zlib.compress(b"args: " + SECRET * 3) + b"more",
    "session": lambda: b"x" + signing.dumps({"a": TEXT * 20}, key="k", compress=True).encode() + b"y",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_it_is_found(how: str) -> None:
    assert SCANNER.names_in(WRITTEN[how]()) == {"password"}


def test_nothing_else_is() -> None:
    assert SCANNER.names_in(os.urandom(300_000) + b"canary/p\xc3\xa4ss w\xc3\xb6rd+7f3" + b"drt_") == set()


def test_one_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        forms_of(b"short")


def test_files_their_names_and_processes(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/web.log").write_bytes(b"path=" + SECRET)
    (tmp_path / "drt_0123456789abcdefghij").write_bytes(b"")
    sleeping = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"X": TEXT})
    try:
        assert SCANNER.in_folder(tmp_path) == {
            Leak("password", "folder/web.log"),
            Leak("token", "name of drt_0123456789abcdefghij"),
        }
        assert SCANNER.in_processes([sleeping.pid, 2**22]) == {Leak("password", "process environ")}
    finally:
        sleeping.communicate(b"\n")


def test_redis(redis: Any) -> None:
    redis.set("text:1", SECRET)
    redis.hset("rq:job:1", "data", zlib.compress(SECRET * 9))
    redis.rpush("list:1", b"x", SECRET.hex())
    redis.sadd("set:1", SECRET)
    redis.zadd("zset:1", {SECRET: 1})
    redis.xadd("stream:1", {"x": base64.b64encode(SECRET)})
    redis.set(SECRET, "1")

    found = SCANNER.in_redis(redis)

    assert {leak.place for leak in found} >= {
        f"redis {kind}" for kind in ("text", "rq", "list", "set", "zset", "stream")
    }
    assert {leak.canary for leak in found} == {"password"}
