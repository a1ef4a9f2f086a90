"""The node's identity: its own P-256 key, and its id from enrolment.

<data>/node.key    PKCS#8 PEM, 0600; it signs calls and opens layers, and never leaves the machine
<data>/node.json   {"node_id", "portal"}
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import ECKey

from groups.agent.files import make_private_folder, write_private

CALL_SECONDS = 45


@dataclass(frozen=True)
class Identity:
    """The node's key, and its id once it has enrolled."""

    folder: Path
    node_id: str | None

    @property
    def key_file(self) -> Path:
        return self.folder / "node.key"

    @property
    def key(self) -> ECKey:
        return ECKey.import_key(self.key_file.read_bytes())

    @property
    def public_key(self) -> str:
        """SPKI PEM, as enrolment requires it."""
        public = load_pem_private_key(self.key_file.read_bytes(), None).public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, audience: str) -> str:
        """Return a JWT for one call to the portal at `audience`."""
        claims = {
            "iss": self.node_id,
            "sub": self.node_id,
            "aud": audience,
            "exp": int(time.time()) + CALL_SECONDS,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode({"alg": "ES256"}, claims, self.key, algorithms=["ES256"])

    def joined(self, node_id: str, portal: str) -> Identity:
        """Store the id that the portal assigned; return the identity with it."""
        write_private(self.folder / "node.json", json.dumps({"node_id": node_id, "portal": portal}).encode())
        return Identity(self.folder, node_id)


def load(folder: Path) -> Identity:
    """Return the identity in `folder`; creates the key on the first start."""
    make_private_folder(folder)
    if not (folder / "node.key").exists():
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(folder / "node.key", pem)
    known = folder / "node.json"
    return Identity(folder, json.loads(known.read_bytes())["node_id"] if known.exists() else None)
