"""Rows and blobs of pulls, for tests: a credential, a group whose image waits to be pulled, and opening what it got."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from django.utils import timezone

from groups.actions import lifecycle
from groups.models import Blob, ContainerGroup, Image, Layer, PullStep
from groups.storage import store
from registries.credential_rows import NewCredential, store_credential
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import UserId
from registries.models import Credential
from registries.oci.reference import parse
from registries.secrets import layer_keys

USER = "deploy"
SECRET = "canary-7f3a-secret"  # pragma: allowlist secret


def make_credential(
    organization: Any,
    host: str,
    *,
    username: str = USER,
    password: str = SECRET,
    created_by_id: UserId | None = None,
    **values: Any,
) -> Credential:
    """A sealed credential for `host`, whose adding isn't recorded. `values` are further ones of NewCredential."""
    typed = NewCredential(
        provider="self_hosted",
        name="registry",
        host=host,
        values={"username": username, "password": password},
        **values,
    )
    return store_credential(typed, organization_id=organization.pk, created_by_id=created_by_id)


def make_group(
    project: Any, reference: str, *, credential: Credential | None = None, name: str = "app", **values: Any
) -> ContainerGroup:
    """A group that is `pending`, with its image `queued`."""
    return lifecycle.create(
        organization_id=project.organization_id,
        project_id=project.pk,
        name=name,
        reference=parse(reference),
        credential=credential,
        **{"by": CONSOLE, **values},
    )


def make_blob(organization: Any, *, name: str = "", image: Image | None = None, **values: Any) -> Blob:
    """The row of a stored blob; with `image`, kept in one of its layers."""
    blob = Blob.objects.create(
        organization=organization,
        **{
            "name": name or store.new_name(organization.pk),
            "registry": "registry.example.com",
            "source_digest": f"sha256:{1:064x}",
            "source_size": 10,
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": f"sha256:{1:064x}",
            "size": 10,
            "cipher_digest": f"sha256:{2:064x}",
            "hmac": b"h",
            "nonce": b"n",
            "wrapped_key": b"w",
            "stored_at": timezone.now(),
            **values,
        },
    )
    if image is not None:
        Layer.objects.create(
            image=image,
            position=image.layers.count(),
            media_type=blob.media_type,
            digest=blob.source_digest,
            size=blob.source_size,
            received=blob.source_size,
            committed_at=blob.stored_at,
            blob=blob,
        )
    return blob


def step_outcomes(image: Image) -> dict[str, str]:
    """Steps of the current attempt and how they ended, in order."""
    steps = PullStep.objects.filter(image=image, attempt=image.attempt).order_by("id")
    return dict(steps.values_list("name", "outcome"))


def stored_files(folder: Path) -> list[Path]:
    """Every file in a blob store, half-written ones too."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def decrypted(layer: Layer) -> bytes:
    """The plain blob of a stored layer, opened as a node opens it: HMAC and digests are checked."""
    blob = layer.blob
    assert blob is not None
    key = layer_keys.unwrap(blob.wrapped_key, organization_id=blob.organization_id, digest=blob.digest)
    with store.open(blob.name) as file:
        sealed = file.read()
    assert hmac.digest(key, sealed, "sha256") == bytes(blob.hmac)
    assert f"sha256:{hashlib.sha256(sealed).hexdigest()}" == blob.cipher_digest
    plain = Cipher(AES(key), CTR(bytes(blob.nonce))).decryptor().update(sealed)
    assert (f"sha256:{hashlib.sha256(plain).hexdigest()}", len(plain)) == (blob.digest, blob.size)
    return plain
