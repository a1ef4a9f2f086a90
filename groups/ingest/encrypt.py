"""Encrypts a layer while it streams by, in the open OCI encrypted-layer format.

    ct = AES-256-CTR(key, nonce, blob)      nonce: 16 bytes, the whole initial counter block, big-endian
    hmac = HMAC-SHA256(key, ct)             the same key, over the ciphertext alone

No header, same size (containers/ocicrypt, `AES_256_CTR_HMAC_SHA256`). A key encrypts one blob and no other. How the
key is kept is `registries.secrets.layer_keys`'s; how a node gets it, `groups.delivery`'s.
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

from groups.ingest.buffers import Plain, Source, in_pieces

KEY_BYTES = 32
NONCE_BYTES = 16


@dataclass(frozen=True)
class Sealed:
    """What it takes to open a layer, and to know it again: `digest` is of the ciphertext, `sha256:<hex>`."""

    key: bytes = field(repr=False)
    nonce: bytes
    hmac: bytes
    digest: str


class EncryptingReader:
    """Yields the ciphertext of `plain`. Encrypts and hashes in the buffers in which the pieces come.

    `size` is that of the whole, where it is known beforehand; else it stands there once everything was read. `check`
    is called before each piece and may raise, which stops everything. Read by one thread.
    """

    def __init__(
        self, plain: Plain | Source, *, size: int | None = None, check: Callable[[], None] | None = None
    ) -> None:
        self.size = size
        self._plain = plain
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
        for view in in_pieces(self._plain):
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

    def sealed(self) -> Sealed:
        """Return the layer's key and marks, once everything was read. Raises ValueError before."""
        if not self._ended or self._sent != self.size:
            raise ValueError("the layer was not read to its end")
        return Sealed(self._key, self._nonce, self._hmac.digest(), f"sha256:{self._sha256.hexdigest()}")
