"""Whatever a copy of the database and of Redis says, value by value, and what is encoded or packed in each."""

from __future__ import annotations

import base64
import binascii
import json
import pickle
import re
import zlib
from collections.abc import Iterator
from typing import Any

from django.db import connection

MAX_DEPTH = 5
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T][\d:.]+(\+\S+|Z)?")
WORD = re.compile(r"[A-Za-z0-9_+/=.:-]{6,}")
PART = re.compile(r"[A-Za-z0-9_-]{6,}")


def read_database() -> dict[str, str]:
    """Every value of every table, and what is in it, with the column in which it was found first."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    for text in expand(value):
                        found.setdefault(text, f"{table}.{column}")
    return found


def read_redis(redis: Any) -> dict[str, str]:
    """Every key and value of Redis, and what is in them."""
    found: dict[str, str] = {}
    for key in redis.keys("*"):
        value: Any
        match redis.type(key).decode():
            case "hash":
                value = redis.hgetall(key)
            case "list":
                value = redis.lrange(key, 0, -1)
            case "set":
                value = list(redis.smembers(key))
            case "zset":
                value = redis.zrange(key, 0, -1)
            case "stream":
                value = redis.xrange(key)
            case _:
                value = redis.get(key)
        for text in (*expand(key), *expand(value)):
            found.setdefault(text, f"redis {key.decode(errors='replace')}")
    return found


def expand(value: object, depth: int = 0) -> Iterator[str]:
    """Yield a value as text, and the values that are in it: parts of texts, of JSON, of what is encoded or packed."""
    if value is None or depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for item in (*value.keys(), *value.values()):
            yield from expand(item, depth + 1)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from expand(item, depth + 1)
    elif isinstance(value, bytes | memoryview):
        raw = bytes(value)
        yield raw.hex()
        yield base64.b64encode(raw).decode()
        yield base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        for text in _texts(raw):
            yield from expand(text, depth + 1)
    else:
        text = str(value)
        if text:
            yield text
        if isinstance(value, str) and not MOMENT.fullmatch(text):
            for inner in _inside(text):
                yield from expand(inner, depth + 1)


def _texts(raw: bytes) -> Iterator[object]:
    """What bytes may be: text, compressed text, a pickled object."""
    try:
        yield raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        yield zlib.decompress(raw).decode()
    except (zlib.error, UnicodeDecodeError):
        pass
    try:
        yield pickle.loads(raw)
    except Exception:
        return


def _inside(text: str) -> Iterator[object]:
    if text[:1] in "[{":
        try:
            yield json.loads(text)
        except ValueError:
            pass
    for pattern in (WORD, PART):
        for word in pattern.findall(text):
            if word != text:
                yield word
    decoded = _decoded(text.split(":")[0].lstrip("."))
    if decoded is not None:
        yield from _texts(decoded)


def _decoded(text: str) -> bytes | None:
    """The bytes of base64, of either alphabet."""
    if not re.fullmatch(r"[A-Za-z0-9+/_\s-]{8,}={0,2}", text):
        return None
    try:
        compact = re.sub(r"[\s=]", "", text)
        return base64.urlsafe_b64decode(compact.replace("+", "-").replace("/", "_") + "=" * (-len(compact) % 4))
    except (binascii.Error, ValueError):
        return None
