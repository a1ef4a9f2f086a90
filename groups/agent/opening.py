"""Decrypts layers (the format of containers/ocicrypt) with the node's key.

A layer's key, nonce and plain digest are in a JWE for the node's key; its HMAC is in the public options. Both are in
the manifest, whose digest came from the portal over its authenticated channel. Stock clients also accept a nonce from
the public options; this client does not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from groups.agent.order import Order, PullFailed

ENCRYPTED = "+encrypted"
CIPHER = "AES_256_CTR_HMAC_SHA256"
_ANNOTATION = "org.opencontainers.image.enc."
_PIECE = 1024 * 1024


class Descriptor(TypedDict, total=False):
    """A descriptor of a manifest, as far as it is read here. The document itself is not validated."""

    mediaType: str
    digest: str
    size: int
    annotations: dict[str, str]


class _CipherOptions(TypedDict):
    nonce: str


class _PrivateOptions(TypedDict):
    symkey: str
    digest: str
    cipheroptions: _CipherOptions


@dataclass(frozen=True)
class LayerKey:
    """What decrypts one layer; `digest` is that of the plain blob."""

    secret: bytes = field(repr=False)
    nonce: bytes
    hmac: bytes
    digest: str


def read_layer_key(descriptor: Descriptor, key: ECKey) -> LayerKey:
    """Decrypt the key of an encrypted layer. Raises PullFailed, also if `key` is the wrong one."""
    try:
        annotations = descriptor["annotations"]
        public = json.loads(base64.b64decode(annotations[f"{_ANNOTATION}pubopts"], validate=True))
        private = _unwrap(annotations[f"{_ANNOTATION}keys.jwe"], key)
        if public["cipher"] != CIPHER:
            raise PullFailed("the layer has a cipher that is not known")
        found = LayerKey(
            secret=base64.b64decode(private["symkey"], validate=True),
            nonce=base64.b64decode(private["cipheroptions"]["nonce"], validate=True),
            hmac=base64.b64decode(public["hmac"], validate=True),
            digest=private["digest"],
        )
    except (KeyError, TypeError, ValueError):
        raise PullFailed("the layer's encryption can't be read") from None
    if (len(found.secret), len(found.nonce), len(found.hmac)) != (32, 16, 32):
        raise PullFailed("the layer's encryption can't be read")
    return found


def decrypt(cipher_file: Path, plain_file: Path, layer: LayerKey, order: Order) -> None:
    """Verify the HMAC of the ciphertext, then write the plain blob. Raises PullFailed and leaves no plain file then."""
    mac = hmac.new(layer.secret, digestmod="sha256")
    with cipher_file.open("rb") as source:
        while piece := source.read(_PIECE):
            order.check()
            mac.update(piece)
    if not hmac.compare_digest(mac.digest(), layer.hmac):
        raise PullFailed("a layer was tampered with: its HMAC is wrong")
    decryptor, digest = Cipher(AES(layer.secret), CTR(layer.nonce)).decryptor(), hashlib.sha256()
    with cipher_file.open("rb") as source, plain_file.open("wb") as target:
        while piece := source.read(_PIECE):
            order.check()
            plain = decryptor.update(piece)
            digest.update(plain)
            target.write(plain)
    if f"sha256:{digest.hexdigest()}" != layer.digest:
        plain_file.unlink()
        raise PullFailed("a layer is not the one that was encrypted")


def _unwrap(wrapped: str, key: ECKey) -> _PrivateOptions:
    """Decrypt the first of the comma-separated JWEs that is for this key."""
    for encoded in wrapped.split(","):
        try:
            message = json.loads(base64.b64decode(encoded, validate=True))
            opened = jwe.decrypt_json(message, key, algorithms=["ECDH-ES+A256KW", "A256GCM"])
        except JoseError:
            continue
        private: _PrivateOptions = json.loads(opened.plaintext or b"")
        return private
    raise PullFailed("the layer's key is not for this node")
