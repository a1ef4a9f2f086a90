"""Docker configs in Kubernetes secrets, as YAML or JSON, and in base64 as kubectl prints it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping

from registries.forms.paste import config_file
from registries.forms.paste.login import Reading

_KEY = r"""\.dockerc(?:onfigjson|fg)["']?\s{0,9}[:=]\s{0,9}"""
_PACKED = re.compile(
    _KEY + r"""(?:[|>][-+]?\s{0,99})?["']?([A-Za-z0-9+/]{16,}={0,2}"""
    r"""(?:[ \t]{0,9}\r?\n[ \t]{1,99}[A-Za-z0-9+/]{1,200}={0,2}(?=[ \t]{0,9}(?:\r?\n|\Z)))*)"""
)
"""Base64, perhaps over several lines that have nothing else."""
_PLAIN = re.compile(_KEY + r"""[|>]?[-+]?[0-9]?\s{0,99}['"]?(?=\{)""")
_ESCAPED = re.compile(_KEY + r"""("\{(?:[^"\\]|\\.)*+")""", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]{24,}={0,2}\s*")
_PACKED_WORD = re.compile(r"(?<![A-Za-z0-9+/_-])e[wy][A-Za-z0-9+/_-]{22,}={0,2}")
"""A word that may be a document in base64: it begins as `{` does."""
_MAX_SECRETS = 100
_MAX_WORDS = 5

UNREADABLE = (
    "The docker config in this Kubernetes secret can't be read: it is not JSON in base64. A sealed secret is encrypted "
    "for its cluster; paste the secret itself."
)


def read(text: str) -> Reading:
    """Return what the docker configs in a manifest hold, or a text that is one in base64."""
    if text.startswith("{"):
        return _of_json(text)
    reading = Reading()
    found = False
    for config in _configs(text):
        found = True
        reading += config_file.read(config)
    if not found and _BASE64.fullmatch(text):
        return config_file.read(_unpacked(text))
    return reading if reading.is_recognized or not found else Reading(problem=UNREADABLE)


def packed_in(text: str) -> Iterator[str]:
    """Return the JSON documents that are in a text in base64: the text itself, or its first long words that are one."""
    words = [text] if _BASE64.fullmatch(text) else [word[0] for word in _PACKED_WORD.finditer(text)][:_MAX_WORDS]
    yield from filter(None, map(_unpacked, words))


def _configs(text: str) -> Iterator[str]:
    for escaped in _ESCAPED.finditer(text):
        try:
            yield json.loads(escaped[1])
        except ValueError:
            yield ""
    for plain in list(_PLAIN.finditer(text))[:_MAX_SECRETS]:
        if text[plain.end() - 1] != '"':
            yield _json_at(text, plain.end())
    for packed in _PACKED.finditer(text):
        yield _unpacked(packed[1])


def _json_at(text: str, start: int) -> str:
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return text[start : text.rfind("}") + 1]
    return text[start:end]


def _of_json(text: str) -> Reading:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Reading()
    items = document.get("items") if isinstance(document, dict) else None
    reading = Reading()
    for item in [document, *(items[:_MAX_SECRETS] if isinstance(items, list) else [])]:
        for config in _configs_of(item) if isinstance(item, Mapping) else ():
            reading += config_file.read(config)
            reading = reading if reading.is_recognized else Reading(problem=UNREADABLE)
    return reading


def _configs_of(secret: Mapping[str, object]) -> Iterator[str]:
    for part in (secret.get("data"), secret.get("stringData")):
        for name in (".dockerconfigjson", ".dockercfg"):
            value = part.get(name) if isinstance(part, Mapping) else None
            if isinstance(value, str):
                yield value if value.lstrip().startswith("{") else _unpacked(value)


def _unpacked(packed: str) -> str:
    compact = "".join(packed.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return text.strip() if text.lstrip().startswith("{") else ""
