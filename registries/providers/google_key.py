"""Reads a Google service account key in any form in which it may be pasted, and returns it in one form.

Line breaks, quotes, escapes and base64 are repaired. The result has only the account, its key and Google's own
addresses, so nothing that was pasted decides where a token is requested. Nothing is sent from here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import textwrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from registries.providers.checks import Unusable

MAX_KEY_LENGTH = 64 * 1024
_MAX_LAYERS = 4  # of quotes and base64 around the JSON

_KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id")
_GOOGLE_ADDRESSES = {
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
_OTHER_KEY_TYPES = {
    "authorized_user": "that is a person's login (authorized_user), not a service account's key",
    "external_account": "an external account points elsewhere; use a service account's key",
}


def is_access_token(text: str) -> bool:
    """Whether `text` has the form of the output of `gcloud auth print-access-token`."""
    return _ACCESS_TOKEN.fullmatch(text) is not None


def normalize_key(text: str) -> str:
    """Return the key as one line of JSON; an access token unchanged. Raises `Unusable`."""
    if is_access_token(text.strip()):
        return text.strip()
    document = _read(text)
    kind = document.get("type")
    if kind != "service_account":
        known = _OTHER_KEY_TYPES.get(kind) if isinstance(kind, str) else None
        raise Unusable(known or 'its "type" is not service_account')
    values = {name: document.get(name) for name in _KEPT}
    texts = {
        name: value if name == "private_key" else _without_whitespace(value)
        for name, value in values.items()
        if isinstance(value, str) and value
    }
    absent = [name for name in ("private_key", "client_email") if name not in texts]
    if absent:
        raise Unusable(f'"{absent[0]}" is missing in the key')
    if not _EMAIL.fullmatch(texts["client_email"]):
        raise Unusable('"client_email" in the key is no service account')
    texts["private_key"] = _private_key(texts["private_key"])
    return json.dumps(texts | _GOOGLE_ADDRESSES)


def _read(text: str) -> dict[str, object]:
    """Remove layers of quotes, escapes and base64 until there is a JSON object. Raises `Unusable`."""
    for _ in range(_MAX_LAYERS):
        text = text.translate(_QUOTES).strip()
        parsed = _parse(text)
        if isinstance(parsed, dict):
            return parsed
        if isinstance(parsed, str):
            text = parsed
        elif text.startswith('"type"'):
            text = "{" + text.rstrip(",} \n") + "}"
        elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
            text = text[1:-1]
        elif text.startswith(('{\\"', "{\\n")):
            text = text.replace('\\"', '"').replace("\\\\n", "\\n")
        else:
            text = _from_base64(text)
    raise Unusable("it is not the JSON of a service account key, or not all of it")


def _parse(text: str) -> object:
    """Return the JSON value of `text`, or None. Line breaks within strings are accepted."""
    try:
        value: object = json.loads(text, strict=False)
        return value
    except (ValueError, RecursionError):
        return None


def _from_base64(text: str) -> str:
    packed = _without_whitespace(text)
    if _BASE64.fullmatch(packed):
        try:
            padded = packed.rstrip("=").translate(str.maketrans("-_", "+/"))
            return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pass  # not base64
    return ""


def _without_whitespace(text: str) -> str:
    """Return `text` without spaces and line breaks. Of a key's values only the PEM has any."""
    return re.sub(r"\s", "", text)


def _private_key(text: str) -> str:
    """Return the PEM with its line breaks restored. Raises `Unusable`."""
    text = text.replace("\\r", "").replace("\\n", "").replace("\\", "")
    match = _PEM.search(_without_whitespace(text))
    if match is None:
        raise Unusable("the private key in it has no beginning or no end: paste all of the file")
    label, body = f"{'RSA ' if match[1] else ''}PRIVATE KEY", match[2]
    pem = "\n".join([f"-----BEGIN {label}-----", *textwrap.wrap(body, 64), f"-----END {label}-----", ""])
    try:
        # Google checks the numbers of the key; checking them here would only take time.
        key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Unusable("the private key in it is damaged: paste the file as it was downloaded")
    return pem
