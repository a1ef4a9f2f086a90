"""What the database and the worker zone's keys say, for the checker. Every query of the schema is here.

Runs in `tests.faults.portal_calls`. Blobs are opened as a node would, with `cryptography` alone: only the wrapped keys
come from the product. Times are seconds since 1970, ages by the database's clock.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import zstandard
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

CHUNK = 1024 * 1024


def read() -> dict[str, Any]:
    """All of it, consistent: one transaction. Blobs are opened after it, so a blob may be gone by then."""
    from django.db import transaction

    with transaction.atomic():
        found = {
            "images": [_image(row) for row in _images()],
            "groups": _groups(),
            "failures": _failures(),
            "credentials": [_credential(row) for row in _credentials()],
            "steps": _steps(),
            "blobs": _blobs(),
        }
        layers = list(_layers())
    found["layers"] = [_layer(row) for row in layers]
    return found


def pass_deadline(image: str) -> None:
    """Let the deadline of the image's credential be over, as if time had passed."""
    from datetime import timedelta

    from django.db.models.functions import Now

    from registries.models import Credential

    Credential.objects.filter(images__pk=image).update(deadline=Now() - timedelta(seconds=1))


_before: dict[str, Any] = {}


def keep_a_credential(image: str, *, settled: bool) -> str:
    """Make a credential that should be destroyed and isn't: of this pull, which is over, or past its deadline."""
    from groups.models import Image
    from registries.credential_rows import NewCredential, store_credential

    row = Image.objects.get(pk=image)
    made = store_credential(
        NewCredential(
            provider="self_hosted",
            name="kept",
            host=row.registry,
            values={"username": "kept", "password": "not a canary"},
        ),
        organization_id=row.organization_id,
        created_by_id=None,
    )
    _before[image] = row.credential_id
    Image.objects.filter(pk=image).update(credential=made)
    if not settled:
        Image.objects.filter(pk=image).update(credential=_before[image])
        type(made).objects.filter(pk=made.pk).update(deadline=row.created_at)
    return str(made.pk)


def drop_a_credential(credential: str, image: str) -> None:
    """Take it back."""
    from groups.models import Image
    from registries.models import Credential

    Image.objects.filter(pk=image).update(credential=_before.pop(image))
    Credential.objects.filter(pk=credential).delete()


def fingerprint(image: str) -> str:
    """Everything that a pull writes, as a hash: whoever writes one byte of it changes this."""
    from django.core import serializers

    from groups.models import ContainerGroup, Failure, Image, Layer, PullStep
    from registries.models import Credential

    row = Image.objects.get(pk=image)
    rows: list[Any] = [
        row,
        *Layer.objects.filter(image=row).order_by("pk"),
        *PullStep.objects.filter(image=row).order_by("pk"),
        *ContainerGroup.objects.filter(image=row),
        *Failure.objects.filter(group__image=row).order_by("pk"),
        *Credential.objects.filter(images=row),
    ]
    return hashlib.sha256(serializers.serialize("json", rows).encode()).hexdigest()


def _images() -> Any:
    from groups.models import Image

    return Image.objects.order_by("created_at")


def _image(row: Any) -> dict[str, Any]:
    from registries.secrets import at_rest

    config = ""
    if row.config:
        try:
            plain = at_rest.decrypt(row.config, bound_to=f"image config {row.pk}")
            config = f"sha256:{hashlib.sha256(plain).hexdigest()}"
        except at_rest.AtRestBroken:
            config = "broken"
    return {
        "id": str(row.pk),
        "status": row.status,
        "attempt": row.attempt,
        "lease": row.lease is not None,
        "config_digest": row.config_digest,
        "config_found": config,
        "settled_at": _seconds(row.settled_at),
    }


def _groups() -> list[dict[str, Any]]:
    from groups.models import ContainerGroup

    return [
        {"id": str(pk), "status": status, "image": str(image)}
        for pk, status, image in ContainerGroup.objects.values_list("pk", "status", "image_id")
    ]


def _failures() -> list[dict[str, Any]]:
    from groups.models import Failure

    return [
        {"group": str(group) if group else None, "attempt": attempt}
        for group, attempt in Failure.objects.values_list("group_id", "attempt")
    ]


def _credentials() -> Any:
    from django.db.models.functions import Now

    from registries.models import Credential

    return Credential.objects.annotate(now=Now())


def _credential(row: Any) -> dict[str, Any]:
    from groups.models import Image

    pulls = list(Image.objects.filter(credential=row.pk).values_list("status", "keeps_credential"))
    return {
        "id": str(row.pk),
        "opens": _opens(row),
        "hold": row.hold,
        "going_on": any(status in ("queued", "pulling") or kept for status, kept in pulls),
        "pulls": len(pulls),
        "since_deadline": (row.now - row.deadline).total_seconds(),
    }


def _opens(row: Any) -> bool:
    from registries.secrets.credential_seal import SealBroken, unseal

    if row.sealed is None:
        return False
    try:
        unseal(bytes(row.sealed), epoch=row.epoch, credential_id=row.pk)
    except SealBroken:
        return False
    return True


def _steps() -> list[dict[str, Any]]:
    from groups.models import PullStep

    return [
        {
            "image": str(step.image_id),
            "attempt": step.attempt,
            "outcome": step.outcome,
            "began": _seconds(step.started_at),
            "ended": _seconds(step.finished_at),
        }
        for step in PullStep.objects.order_by("id")
    ]


def _layers() -> Any:
    from groups.models import Layer

    return Layer.objects.select_related("blob").order_by("image", "position")


def _layer(row: Any) -> dict[str, Any]:
    committed = row.committed_at is not None
    return {
        "image": str(row.image_id),
        "position": row.position,
        "digest": row.digest,
        "committed": committed,
        "wrong": _wrong(row.blob, row.digest) if committed else "",
    }


def _blobs() -> list[dict[str, Any]]:
    from django.db.models import Count

    from groups.models import Blob

    return [{"name": name, "used": used} for name, used in Blob.objects.values_list("name", Count("layers"))]


_opened: dict[tuple[str, str], float] = {}


def _wrong(blob: Any, digest: str) -> str:
    """What keeps a node from opening this layer and finding what the registry served; nothing as a rule."""
    from groups.storage import store
    from registries.secrets import layer_keys

    if blob is None:
        return "it has no blob"
    path = store.local_path(blob.name)
    if path is None or not path.exists():
        return "the blob is missing"
    known = (blob.name, f"{digest} {blob.digest} {blob.cipher_digest} {bytes(blob.wrapped_key).hex()}")
    written = path.stat().st_mtime
    if _opened.get(known) == written:
        return ""
    try:
        key = layer_keys.unwrap(bytes(blob.wrapped_key), organization_id=blob.organization_id, digest=blob.digest)
    except layer_keys.LayerKeyBroken:
        return "the key does not unwrap"
    plain, sealed, source, mac = hashlib.sha256(), hashlib.sha256(), hashlib.sha256(), hmac.new(key, digestmod="sha256")
    cipher = Cipher(AES(key), CTR(bytes(blob.nonce))).decryptor()
    unpacked = zstandard.ZstdDecompressor().decompressobj() if blob.digest != digest else None
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                sealed.update(piece)
                mac.update(piece)
                clear = cipher.update(piece)
                plain.update(clear)
                source.update(clear if unpacked is None else unpacked.decompress(clear))
    except zstandard.ZstdError:
        return "it does not unpack"
    if f"sha256:{sealed.hexdigest()}" != blob.cipher_digest:
        return "the ciphertext has another digest"
    if mac.digest() != bytes(blob.hmac):
        return "the HMAC does not agree"
    if f"sha256:{plain.hexdigest()}" != blob.digest:
        return "it decrypts to something else"
    if f"sha256:{source.hexdigest()}" != digest:
        return "it holds another layer"
    _opened[known] = written
    return ""


def _seconds(moment: Any) -> float | None:
    return moment.timestamp() if moment is not None else None
