"""Takes off what a text gets on its way: fences of Markdown, quotes of JSON, invisible characters, blanks and dashes of
word processors, the command before a document and the prompt after it."""

from __future__ import annotations

import json
import re
import unicodedata

_BACKTICKS = re.compile(r"(`{1,3})([^`]+)\1")
_DASH = re.compile(r"(?<=\s)[—–―−](?=[A-Za-z])(?:([A-Za-z])(?![\w-]))?")
_ESCAPED_JSON = re.compile(r'\{\s*\\"')
_DOCUMENT = re.compile(r"^\{", re.MULTILINE)


def unwrapped(text: str) -> str:
    """Return the text itself."""
    text = text.strip().lstrip("\ufeff").strip()
    text = _inside_fence(text)
    if marked := _BACKTICKS.fullmatch(text):
        text = marked[2].strip()
    if text.startswith('"{') and text.endswith('"'):
        text = _of_json_string(text)
    if text.startswith("{"):
        return _document(text)
    if not text.isascii():
        text = "".join(map(_plain, text))
        text = _DASH.sub(lambda dash: f"-{dash[1]}" if dash[1] else "--", text).strip()
    return text


def _inside_fence(text: str) -> str:
    """Return the lines between the fences of Markdown around a text; the text itself if it has none."""
    opening, _, rest = text.partition("\n")
    body, _, closing = rest.rpartition("\n")
    is_fenced = opening[:3] in ("```", "~~~") and closing.strip()[:3] == opening[:3]
    return body.strip() if is_fenced else text


def with_plain_quotes(text: str) -> str:
    """Return a text without the escapes in a JSON document in it, as a string of a shell has them."""
    return text.replace('\\"', '"') if _ESCAPED_JSON.search(text) else text


def document_in(text: str) -> str:
    """Return the JSON document that begins a line of the text, after the command that printed it; an empty text if
    there is none."""
    start = _DOCUMENT.search(text)
    return _document(text[start.start() :]) if start and start.start() else ""


def _document(text: str) -> str:
    """Return the JSON object at the beginning, without what a terminal shows after it."""
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return text
    return text if "{" in text[end:] else text[:end]


def _of_json_string(text: str) -> str:
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    return inner.strip() if isinstance(inner, str) else text


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    return " " if category == "Zs" else "" if category == "Cf" else char
