"""The public keys that a node can have, and the one algorithm for each use of them.

A P-256 key signs with ES256, and layer keys are encrypted to it with ECDH-ES+A256KW; an RSA key uses PS256 and
RSA-OAEP-256. Nothing that a caller sends chooses an algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc.jwk import ECKey, RSAKey

from registries.foundation.refusal import Refusal

MAX_PEM_LENGTH = 4096
MIN_RSA_BITS, MAX_RSA_BITS = 3072, 8192
PUBLIC_EXPONENT = 65537
_BEGIN = "-----BEGIN PUBLIC KEY-----"


class KeyUnsupported(Refusal):
    """The text is not a key that a node can have; the message says what is required."""

    code = "key_unsupported"
    title = "The key can't be used"
    status = 400


@dataclass(frozen=True)
class NodeKey:
    """A node's public key. `pem` is SPKI in its canonical form."""

    pem: str
    signs_with: str
    wraps_with: str
    jwk: ECKey | RSAKey


@lru_cache(maxsize=4096)
def read_public_key(pem: str) -> NodeKey:
    """Read an SPKI PEM (`BEGIN PUBLIC KEY`) of P-256 or RSA with 3072 to 8192 bits. Raises KeyUnsupported."""
    if len(pem) > MAX_PEM_LENGTH:
        raise KeyUnsupported(f"The public key is longer than {MAX_PEM_LENGTH} characters.")
    if not pem.strip().startswith(_BEGIN):
        raise KeyUnsupported(f"The public key is an SPKI PEM; it starts with {_BEGIN}.")
    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnsupported("The public key can't be read; send an SPKI PEM of P-256 or RSA.") from None
    normal = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    match key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return NodeKey(normal, "ES256", "ECDH-ES+A256KW", ECKey.import_key(normal))
        case rsa.RSAPublicKey() if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise KeyUnsupported(f"An RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits.")
        case rsa.RSAPublicKey() if key.public_numbers().e != PUBLIC_EXPONENT:
            raise KeyUnsupported(f"An RSA key has the public exponent {PUBLIC_EXPONENT}.")
        case rsa.RSAPublicKey():
            return NodeKey(normal, "PS256", "RSA-OAEP-256", RSAKey.import_key(normal))
    raise KeyUnsupported("The public key is of another kind; use P-256 (best) or RSA of 3072 bits or more.")
