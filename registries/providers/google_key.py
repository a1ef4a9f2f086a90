"""Reads a Google service-account key however it was pasted, and writes it anew.

Mended are line breaks, quotes, escapes and base64. What is written holds the account and its key only, and Google's
own addresses, so that nothing that was pasted says where to ask for a token. Nothing is sent from here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import textwrap
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from registries.providers.checks import Unusable

MAX_KEY_LENGTH = 64 * 1024
_MAX_LAYERS = 4  # of quotes and base64 around the JSON

_KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id")
_GOOGLES_OWN = {
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "universe_domain": "googleapis.com",
}
_EMAIL = re.compile(r"[A-Za-z0-9.:_-]{1,128}@[A-Za-z0-9.-]{1,128}")
_PEM = re.compile(r"-----BEGIN(RSA)?PRIVATEKEY-----([A-Za-z0-9+/=]*)-----END(?:RSA)?PRIVATEKEY-----")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_ACCESS_TOKEN = re.compile(r"ya29\.[A-Za-z0-9._-]+")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "\u00a0": " ", "\ufeff": None, "\u200b": None})
_ACCOUNTS_OF_OTHERS = {
    "authorized_user": "that is a person's login (authorized_user), not a service account's key",
    "external_account": "an external account points elsewhere; use a service account's key",
}


def is_access_token(text: str) -> bool:
    """Whether `text` is what `gcloud auth print-access-token` prints."""
    return _ACCESS_TOKEN.fullmatch(text) is not None


def mended(text: str) -> str:
    """Return the key as one line of JSON; an access token as it is. Raises `Unusable`."""
    if is_access_token(text.strip()):
        return text.strip()
    document = _read(text)
    kind = document.get("type")
    if kind != "service_account":
        known = _ACCOUNTS_OF_OTHERS.get(kind) if isinstance(kind, str) else None
        raise Unusable(known or 'its "type" is not service_account')
    values = {name: document.get(name) for name in _KEPT}
    texts = {
        name: value if name == "private_key" else _closed_up(value)
        for name, value in values.items()
        if isinstance(value, str) and value
    }
    absent = [name for name in ("private_key", "client_email") if name not in texts]
    if absent:
        raise Unusable(f'"{absent[0]}" is missing in the key')
    if not _EMAIL.fullmatch(texts["client_email"]):
        raise Unusable('"client_email" in the key is no service account')
    texts["private_key"] = _private_key(texts["private_key"])
    return json.dumps(texts | _GOOGLES_OWN)


def _read(text: str) -> dict[str, Any]:
    """Take layers of quotes, escapes and base64 off until there is a JSON object."""
    for _ in range(_MAX_LAYERS):
        text = text.translate(_QUOTES).strip()
        found = _parsed(text)
        if isinstance(found, dict):
            return found
        if isinstance(found, str):
            text = found
        elif text.startswith('"type"'):
            text = "{" + text.rstrip(",} \n") + "}"
        elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
            text = text[1:-1]
        elif text.startswith(('{\\"', "{\\n")):
            text = text.replace('\\"', '"').replace("\\\\n", "\\n")
        else:
            text = _from_base64(text)
    raise Unusable("it is not the JSON of a service account key, or not all of it")


def _parsed(text: str) -> Any:
    """Return the JSON value of `text`; None where it is none. Line breaks within strings are forgiven."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _from_base64(text: str) -> str:
    packed = _closed_up(text)
    if _BASE64.fullmatch(packed):
        try:
            padded = packed.rstrip("=").translate(str.maketrans("-_", "+/"))
            return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pass  # it was none
    return ""


def _closed_up(text: str) -> str:
    """Return `text` without blanks and line breaks, which none of a key's values has but the PEM."""
    return re.sub(r"\s", "", text)


def _private_key(text: str) -> str:
    """Return the PEM with its line breaks where they belong."""
    text = text.replace("\\r", "").replace("\\n", "").replace("\\", "")
    match = _PEM.search(_closed_up(text))
    if match is None:
        raise Unusable("the private key in it has no beginning or no end: paste all of the file")
    label, body = f"{'RSA ' if match[1] else ''}PRIVATE KEY", match[2]
    pem = "\n".join([f"-----BEGIN {label}-----", *textwrap.wrap(body, 64), f"-----END {label}-----", ""])
    try:
        # The numbers are Google's to judge; checking them here would only cost time.
        key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Unusable("the private key in it is damaged: paste the file as it was downloaded")
    return pem
