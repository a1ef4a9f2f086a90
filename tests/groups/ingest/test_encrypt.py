"""The encrypted-layer format, checked against its definition and against itself in pieces."""

from __future__ import annotations

import hashlib
import hmac
import io
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from groups.ingest.encrypt import EncryptingReader


def read_all(reader: EncryptingReader, step: int) -> bytes:
    buffer, sealed = memoryview(bytearray(step)), b""
    while count := reader.readinto(buffer):
        sealed += buffer[:count]
    return sealed


@pytest.mark.parametrize("step", [1, 15, 16, 17, 4096, 1_000_000])
@pytest.mark.parametrize("size", [0, 1, 16, 5000])
def test_the_format(step: int, size: int) -> None:
    plain = os.urandom(size)
    reader = EncryptingReader(io.BytesIO(plain), size=size)

    cipher = read_all(reader, step)

    sealed = reader.sealed()
    assert len(cipher) == size
    assert (len(sealed.key), len(sealed.nonce)) == (32, 16)
    assert Cipher(AES(sealed.key), CTR(sealed.nonce)).decryptor().update(cipher) == plain
    assert sealed.hmac == hmac.digest(sealed.key, cipher, "sha256")
    assert sealed.digest == f"sha256:{hashlib.sha256(cipher).hexdigest()}"


def test_each_layer_has_a_key_and_nonce_of_its_own() -> None:
    readers = [EncryptingReader(io.BytesIO(b"same"), size=4) for _ in range(2)]

    assert read_all(readers[0], 10) != read_all(readers[1], 10)
    assert readers[0].sealed().key != readers[1].sealed().key
    assert readers[0].sealed().nonce != readers[1].sealed().nonce


def test_nothing_is_sealed_before_the_end() -> None:
    reader = EncryptingReader(io.BytesIO(b"four"), size=4)
    reader.readinto(memoryview(bytearray(4)))

    with pytest.raises(ValueError, match="not read to its end"):
        reader.sealed()


def test_the_key_is_in_no_repr() -> None:
    reader = EncryptingReader(io.BytesIO(b""), size=0)
    read_all(reader, 1)

    assert repr(reader.sealed().key) not in repr(reader.sealed())


def test_it_stops_when_told() -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        EncryptingReader(io.BytesIO(b"four"), size=4, check=stop).readinto(memoryview(bytearray(4)))
