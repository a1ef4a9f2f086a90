"""The encrypted-layer format, checked against its definition and against itself in pieces."""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from groups.ingest.encrypt import EncryptingReader


class Steps:
    """A plaintext that comes in pieces of `step` bytes."""

    def __init__(self, plain: bytes, step: int) -> None:
        self._plain, self._step = plain, step

    def pieces(self) -> Iterator[memoryview]:
        for start in range(0, len(self._plain), self._step):
            yield memoryview(bytearray(self._plain[start : start + self._step]))


def read_all(reader: EncryptingReader) -> bytes:
    return b"".join(bytes(piece) for piece in reader.pieces())


@pytest.mark.parametrize("step", [1, 15, 16, 17, 4096, 1_000_000])
@pytest.mark.parametrize("size", [0, 1, 16, 5000])
def test_the_format(step: int, size: int) -> None:
    plain = os.urandom(size)
    reader = EncryptingReader(Steps(plain, step))

    cipher = read_all(reader)

    sealed = reader.encryption()
    assert len(cipher) == reader.size == size
    assert (len(sealed.key), len(sealed.nonce)) == (32, 16)
    assert Cipher(AES(sealed.key), CTR(sealed.nonce)).decryptor().update(cipher) == plain
    assert sealed.hmac == hmac.digest(sealed.key, cipher, "sha256")
    assert sealed.digest == f"sha256:{hashlib.sha256(cipher).hexdigest()}"


def test_each_layer_has_a_key_and_nonce_of_its_own() -> None:
    readers = [EncryptingReader(io.BytesIO(b"same"), size=4) for _ in range(2)]

    assert read_all(readers[0]) != read_all(readers[1])
    assert readers[0].encryption().key != readers[1].encryption().key
    assert readers[0].encryption().nonce != readers[1].encryption().nonce


def test_nothing_is_sealed_before_the_end() -> None:
    reader = EncryptingReader(io.BytesIO(b"four"), size=4)
    next(reader.pieces())

    with pytest.raises(ValueError, match="not read to its end"):
        reader.encryption()


def test_the_key_is_in_no_repr() -> None:
    reader = EncryptingReader(io.BytesIO(b""), size=0)
    read_all(reader)

    assert repr(reader.encryption().key) not in repr(reader.encryption())


def test_it_stops_on_request() -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        read_all(EncryptingReader(io.BytesIO(b"four"), check=stop))


def test_a_source_that_ends_early_is_not_sealed() -> None:
    reader = EncryptingReader(io.BytesIO(b"four"), size=5)
    read_all(reader)

    with pytest.raises(ValueError, match="not read to its end"):
        reader.encryption()
