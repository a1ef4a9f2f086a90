"""The keys of the two zones, as files.

    <PORTAL_KEY_DIR>/web/     seal-<epoch>.pub   seals a credential, opens nothing
                              data.key           image configs and environments at rest
                              manifests.pub      checks what workers have signed, signs nothing
                              issuer-<n>.pub     checks tokens of issuers, signs nothing
                              sign-ins.pub       seals what workers need for sign-ins, opens nothing
                              ended/             keys of nodes that must not be used again
    <PORTAL_KEY_DIR>/worker/  seal-<epoch>.key   opens credentials of that epoch
                              layers.key         wraps layer keys at rest, vouches for keys of nodes, signs manifests
                              issuer-<n>.key     signs tokens of issuers (`registries.secrets.issuer_keys`)
                              <step>.done        steps of an upgrade that are done only once
                              ended/             what must not be used again (`registries.secrets.ended`)
                              tls-hosts/         who has spoken TLS (`registries.secrets.tls_notes`)

The newest public key seals, and the private key of a past epoch is deleted once nothing can need it
(`registries.secrets.epochs`). That is why all hosts of a zone share one folder instead of keeping a copy each.

A web host has only the `web` folder. Where one machine has both, a process of the web zone (`PORTAL_ZONE=web`) is still
refused the other one. `registries.secrets.credential_seal`, `registries.secrets.at_rest` and
`registries.secrets.layer_keys` use the keys.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from registries.secrets.private_files import delete, make_private, write_once

SEED_BYTES = 64
MLKEM_PUBLIC_BYTES = 1184
UPGRADE_STEPS = (
    "credentials-bound",
    "nodes-vouched",
    "accounts-marked",
    "digests-keyed",
    "addresses-marked",
    "keys-owned",
    "identities-marked",
)
"""What is done once when a version is first run. New keys have nothing to upgrade."""
_EPOCH_FILE = re.compile(r"seal-([0-9]{1,9})\.(?:pub|key)")


class KeyUnavailable(Exception):
    """This zone doesn't hold that key, or it has been deleted."""


def create_missing() -> None:
    """Create every key that does not exist yet. For the machine that holds both zones' folders. Raises NotPrivate if a
    folder is another user's."""
    for folder in (_folder("web"), _folder("worker")):
        make_private(folder)
    write_once(_folder("web") / "data.key", secrets.token_bytes(32))
    if not (_folder("worker") / "layers.key").exists():
        for step in UPGRADE_STEPS:
            mark_done(step)
    write_once(_folder("worker") / "layers.key", secrets.token_bytes(32))
    publish_manifest_key()
    publish_sign_in_key()
    if not _epochs():
        create_epoch()


def is_done(step: str) -> bool:
    """Whether a step of UPGRADE_STEPS is done. The worker zone's folder says so, which no writer of the database can
    change. Raises KeyUnavailable in the web zone."""
    if settings.PORTAL_ZONE == "web":
        raise KeyUnavailable("the web zone doesn't hold the steps of upgrades")
    return (_folder("worker") / f"{step}.done").exists()


def mark_done(step: str) -> None:
    """Write down that a step of UPGRADE_STEPS is done."""
    write_once(_folder("worker") / f"{step}.done", b"")


def create_epoch(after: int | None = None) -> int:
    """Create the sealing key of the next epoch, which is used from now on; return its number. When several processes
    create the epoch `after` the same one, all but the first change nothing."""
    epoch = (max(_epochs(), default=0) if after is None else after) + 1
    mlkem, x25519 = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
    path = _folder("worker") / f"seal-{epoch}.key"
    write_once(path, mlkem.private_bytes_raw() + x25519.private_bytes_raw())
    # Another process may have been first: derive the public key from the private key that is stored now.
    raw = path.read_bytes()
    mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:SEED_BYTES])
    x25519 = X25519PrivateKey.from_private_bytes(raw[SEED_BYTES:])
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    write_once(_folder("web") / f"seal-{epoch}.pub", public)
    return epoch


def sealing_epochs() -> dict[int, float]:
    """Return the epochs whose public key exists, with their creation times (seconds since 1970). The highest seals."""
    made: dict[int, float] = {}
    for epoch in _epochs():
        try:
            made[epoch] = (_folder("web") / f"seal-{epoch}.pub").stat().st_mtime
        except FileNotFoundError:
            continue  # deleted since the folder was listed
    return made


def folder_time() -> float:
    """Return the time by the clock of the file system that holds the public keys, whose creation times are by that
    clock too (seconds since 1970). Where the folder can't be written, it is the clock of this host."""
    path = _folder("web") / ".clock"
    try:
        path.touch(0o600)
        return path.stat().st_mtime
    except OSError:
        return time.time()


def opening_epochs() -> list[int]:
    """Return the epochs whose private key exists."""
    return _epochs("worker", "key")


def delete_epoch(epoch: int) -> bool:
    """Delete the keys of an epoch, the private one first; return whether the private one existed. What it sealed can
    never be opened again."""
    existed = delete(_folder("worker") / f"seal-{int(epoch)}.key")
    delete(_folder("web") / f"seal-{int(epoch)}.pub")
    return existed


def sealing_key() -> tuple[int, hpke.MLKEM768X25519PublicKey]:
    """Return the current epoch and its public key. Raises KeyUnavailable before keys are created."""
    epochs = _epochs()
    if not epochs:
        raise KeyUnavailable("no sealing key: run manage.py prepare")
    raw = (_folder("web") / f"seal-{max(epochs)}.pub").read_bytes()
    return max(epochs), hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(raw[MLKEM_PUBLIC_BYTES:]),
    )


def opening_key(epoch: int) -> hpke.MLKEM768X25519PrivateKey:
    """Return the private key of an epoch; worker zone only. Raises KeyUnavailable."""
    raw = _read("worker", f"seal-{int(epoch)}.key")
    return hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(raw[:SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(raw[SEED_BYTES:]),
    )


def data_key() -> bytes:
    """Return the 32-byte key of data at rest that nodes receive decrypted. Raises KeyUnavailable."""
    return _read("web", "data.key")


def layers_key() -> bytes:
    """Return the 32-byte key that wraps layer keys at rest; worker zone only. Raises KeyUnavailable."""
    return _read("worker", "layers.key")


def manifest_signing_key() -> Ed25519PrivateKey:
    """Return the key that signs manifests for nodes; worker zone only. Raises KeyUnavailable."""
    return Ed25519PrivateKey.from_private_bytes(_derived(layers_key(), "drayage manifests 1"))


def manifest_public_key() -> Ed25519PublicKey:
    """Return the key that checks signatures of manifests. Raises KeyUnavailable until it is published."""
    try:
        return Ed25519PublicKey.from_public_bytes(_read("web", "manifests.pub"))
    except ValueError:
        raise KeyUnavailable("manifests.pub is damaged") from None


def publish_manifest_key() -> int:
    """Write the key that checks signatures of manifests to the web zone's folder; return how many were written (0 or
    1). Another one there is replaced. Worker zone only. Raises KeyUnavailable and OSError."""
    return _publish("manifests.pub", manifest_signing_key().public_key().public_bytes_raw())


def sign_in_opening_key() -> hpke.MLKEM768X25519PrivateKey:
    """Return the key that opens what was sealed for sign-ins with a provider; worker zone only. It is kept for as long
    as `layers.key`, since a client's secret is. Raises KeyUnavailable."""
    return hpke.MLKEM768X25519PrivateKey(*_sign_in_keys())


def sign_in_sealing_key() -> hpke.MLKEM768X25519PublicKey:
    """Return the key that seals for `sign_in_opening_key`. Raises KeyUnavailable until it is published."""
    raw = _read("web", "sign-ins.pub")
    try:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(raw[MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError:
        raise KeyUnavailable("sign-ins.pub is damaged") from None


def publish_sign_in_key() -> int:
    """Write the key that seals for sign-ins to the web zone's folder; return how many were written (0 or 1). Another
    one there is replaced. Worker zone only. Raises KeyUnavailable and OSError."""
    mlkem, x25519 = _sign_in_keys()
    return _publish("sign-ins.pub", mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())


def sso_key() -> bytes:
    """Return the 32-byte key of the marks of providers, linked identities and domains. Raises KeyUnavailable."""
    return _derived(data_key(), "drayage single sign-on 1")


def sign_in_hosts_key() -> bytes:
    """Return the 32-byte key of offers and confirmations of sign-in hosts of registries. Raises KeyUnavailable."""
    return _derived(data_key(), "drayage sign-in hosts 1")


def entered_values_key() -> bytes:
    """Return the 32-byte key of the marks of what was entered with credentials. Raises KeyUnavailable."""
    return _derived(data_key(), "drayage entered values 1")


def enrolment_key(zone: str) -> bytes:
    """Return the 32-byte key from which a zone (`web`, `worker`) makes codes of enrolments. Raises KeyUnavailable."""
    return _derived(layers_key() if zone == "worker" else data_key(), f"drayage enrolment 1 {zone}")


def node_calls_key() -> bytes:
    """Return the 32-byte key with which the web zone recognizes keys of nodes that it has accepted itself. Raises
    KeyUnavailable."""
    return _derived(data_key(), "drayage node calls 1")


def accounts_key() -> bytes:
    """Return the 32-byte key of the marks of accounts. Raises KeyUnavailable."""
    return _derived(data_key(), "drayage accounts 1")


def keyless_key(marked: str) -> bytes:
    """Return the 32-byte key of the marks of `trusts`, or of `identities` in tokens. Raises KeyUnavailable."""
    return _derived(data_key(), f"drayage {marked} 1")


def digests_key() -> bytes:
    """Return the 32-byte key of the digests of one-time secrets. Raises KeyUnavailable."""
    return _derived(data_key(), "drayage digests 1")


def voucher_key() -> bytes:
    """Return the 32-byte key that vouches for keys of nodes; worker zone only. Raises KeyUnavailable."""
    return _derived(layers_key(), "drayage node voucher 1")


def _sign_in_keys() -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    root = layers_key()
    seed = b"".join(_derived(root, f"drayage sign-ins 1 mlkem {half}") for half in ("a", "b"))
    x25519 = _derived(root, "drayage sign-ins 1 x25519")
    return MLKEM768PrivateKey.from_seed_bytes(seed), X25519PrivateKey.from_private_bytes(x25519)


def _publish(name: str, public: bytes) -> int:
    """Write a public key to the web zone's folder, in place of another one; return how many were written (0 or 1)."""
    path = _folder("web") / name
    if path.exists():
        if path.read_bytes() == public:
            return 0
        delete(path)
    write_once(path, public)
    return 1


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(key)


def _folder(zone: str) -> Path:
    return Path(settings.PORTAL_KEY_DIR) / zone


def _read(zone: str, name: str) -> bytes:
    if zone == "worker" and settings.PORTAL_ZONE == "web":
        raise KeyUnavailable(f"the web zone doesn't hold {name}")
    try:
        return (_folder(zone) / name).read_bytes()
    except FileNotFoundError:
        raise KeyUnavailable(f"there is no {name}") from None


def _epochs(zone: str = "web", suffix: str = "pub") -> list[int]:
    folder = _folder(zone)
    names = os.listdir(folder) if folder.is_dir() else []
    found = (_EPOCH_FILE.fullmatch(name) for name in names if name.endswith(suffix))
    return [int(match[1]) for match in found if match]
