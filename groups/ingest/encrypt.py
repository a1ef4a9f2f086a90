"""Encrypts a layer while it streams through, in the open OCI encrypted-layer format.

    ct = AES-256-CTR(key, nonce, blob)      nonce: 16 bytes, the whole initial counter block, big-endian
    hmac = HMAC-SHA256(key, ct)             the same key, over the ciphertext alone

No header, same size (containers/ocicrypt, `AES_256_CTR_HMAC_SHA256`). A key encrypts one blob only.
`registries.secrets.layer_keys` stores the key; `groups.nodes.manifests` gives it to a node.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from groups.ingest.buffers import ByteReader, PieceSource, in_pieces

KEY_BYTES = 32
NONCE_BYTES = 16


@dataclass(frozen=True)
class LayerEncryption:
    """What it takes to decrypt and verify a layer; `digest` is of the ciphertext, `sha256:<hex>`."""

    key: bytes = field(repr=False)
    nonce: bytes
    hmac: bytes
    digest: str


class EncryptingReader:
    """Yields the ciphertext of `source`. Encrypts in place, in the buffers of the pieces.

    `size` is in bytes, None until everything was read where it is not known in advance. `check` is called before each
    piece and may raise to stop. Read by one thread.
    """

    def __init__(
        self, source: ByteReader | PieceSource, *, size: int | None = None, check: Callable[[], None] | None = None
    ) -> None:
        self.size = size
        self._source = source
        self._check = check
        self._key = os.urandom(KEY_BYTES)
        self._nonce = os.urandom(NONCE_BYTES)
        self._cipher = Cipher(AES(self._key), CTR(self._nonce)).encryptor()
        self._hmac = hmac.new(self._key, digestmod="sha256")
        self._sha256 = hashlib.sha256()
        self._sent = 0
        self._ended = False

    def pieces(self) -> Iterator[memoryview]:
        """Yield the ciphertext, each piece valid until the next is asked for; the end is the verified end."""
        for view in in_pieces(self._source):
            if self._check is not None:
                self._check()
            self._cipher.update_into(view, view)
            self._hmac.update(view)
            self._sha256.update(view)
            self._sent += len(view)
            yield view
        self._ended = True
        if self.size is None:
            self.size = self._sent

    def encryption(self) -> LayerEncryption:
        """Return the layer's key and digests once everything was read. Raises ValueError before."""
        if not self._ended or self._sent != self.size:
            raise ValueError("the layer was not read to its end")
        return LayerEncryption(self._key, self._nonce, self._hmac.digest(), f"sha256:{self._sha256.hexdigest()}")
