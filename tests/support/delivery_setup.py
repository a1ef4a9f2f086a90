"""What delivery builds on, made by the real code: stored encrypted layers, groups, nodes with keys."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from groups.actions.lifecycle import start
from groups.ingest.encrypt import EncryptingReader
from groups.models import Blob, ContainerGroup, Image, Instance, Layer, Node
from groups.nodes.keys import read_public_key
from groups.nodes.manifests import prepare
from groups.rules.sealed_settings import seal_environment
from groups.storage import store
from registries.foundation.actor import CONSOLE
from registries.secrets import at_rest, layer_keys
from registries.secrets.node_vouchers import call_mark_of, voucher_of

OCI_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Source:
    """An image as its registry had it: the config, and each layer with its media type, in order."""

    config: bytes
    layers: list[tuple[str, bytes]]


@dataclass
class NodeInHand:
    """An enrolled node, and what only the node itself has."""

    row: Node
    private_pem: bytes
    client: Client = field(default_factory=Client)

    def signed(self, **claims: Any) -> str:
        """A JWT of this node; `claims` replace the usual ones, None leaves one out."""
        from django.conf import settings

        key = read_public_key(self.row.public_key)
        private = (ECKey if key.signs_with == "ES256" else RSAKey).import_key(self.private_pem)
        usual = {
            "iss": str(self.row.pk),
            "sub": str(self.row.pk),
            "aud": settings.PORTAL_PUBLIC_URL,
            "exp": int(time.time()) + 50,
            "jti": uuid.uuid4().hex,
        }
        both = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode({"alg": key.signs_with}, both, private, algorithms=[key.signs_with])

    def poll(self, *instances: dict[str, Any], cpu: int = 8, memory_mb: int = 16384) -> Any:
        """Poll over HTTP; return the response."""
        body = {"capacity": {"cpu": cpu, "memory_mb": memory_mb, "gpu": ""}, "instances": list(instances)}
        return self.client.post(
            "/node/v1/poll", body, "application/json", headers={"Authorization": f"Bearer {self.signed()}"}
        )

    def basic(self, token: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{self.row.pk}:{token}".encode()).decode()}

    def redeem(self, token: str) -> Any:
        """Ask the token endpoint; return the response."""
        return self.client.get("/v2/token", headers=self.basic(token))

    def bearer(self, token: str) -> dict[str, str]:
        """Redeem and return the header of the session."""
        return {"Authorization": f"Bearer {self.redeem(token).json()['token']}"}


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 3072) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def private_pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def public_pem(key: Any) -> str:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).decode()


def vouch_for(node: Node) -> None:
    """Have both zones vouch for the key that the node has, as after its enrolment."""
    node.voucher = voucher_of(node_id=node.pk, name=node.name, public_key=node.public_key)
    node.call_mark = call_mark_of(node_id=node.pk, public_key=node.public_key)
    Node.objects.filter(pk=node.pk).update(voucher=node.voucher, call_mark=node.call_mark)


def next_key_proof(node: NodeInHand, public_key: str, /, **claims: Any) -> str:
    """The statement of the node's present key that `public_key` is its next one; `claims` replace the usual ones."""
    from django.conf import settings

    key = read_public_key(node.row.public_key)
    private = (ECKey if key.signs_with == "ES256" else RSAKey).import_key(node.private_pem)
    usual = {"iss": str(node.row.pk), "aud": settings.PORTAL_PUBLIC_URL, "public_key": public_key}
    return jwt.encode({"alg": key.signs_with}, usual | claims, private, algorithms=[key.signs_with])


def make_node(name: str = "node-1", key: Any = None, **fields: Any) -> NodeInHand:
    key = key or ec_key()
    row = Node.objects.create(name=name, public_key=public_pem(key), **fields)
    vouch_for(row)
    return NodeInHand(row, private_pem(key))


def tar_of(**files: bytes) -> bytes:
    """A gzip'ed layer with these files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), compresslevel=1, mtime=0)


def make_source(*contents: bytes) -> Source:
    """An image of one layer for each content, by turns of OCI's and Docker's type."""
    layers = [tar_of(**{f"file-{number}": content}) for number, content in enumerate(contents)]
    types = [OCI_GZIP, DOCKER_GZIP] * len(layers)
    return Source(config_of(layers), list(zip(types, layers, strict=False)))


def config_of(layers: list[bytes]) -> bytes:
    """The config of an image of these gzip'ed layers."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["SECRET_OF_THE_CONFIG=1"], "Cmd": ["/file-0"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}" for layer in layers],
        },
    }
    return json.dumps(config).encode()


def digest_of(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


class _Plain:
    def __init__(self, raw: bytes) -> None:
        self._file = io.BytesIO(raw)

    def readinto(self, buffer: memoryview) -> int:
        return self._file.readinto(buffer)


def store_image(organization: Any, source: Source) -> Image:
    """A ready image, its layers encrypted and stored as a pull leaves them."""
    image = Image(organization=organization, reference="registry.example/app:1", registry="registry.example")
    image.repository, image.version, image.platform = "app", "1", "linux/amd64"
    image.status, image.retry_until, image.digest = Image.Status.READY, timezone.now(), digest_of(b"manifest")
    image.config_digest, image.config_size = digest_of(source.config), len(source.config)
    image.config = at_rest.encrypt(source.config, bound_to=f"image config {image.pk}")
    image.save()
    for position, (media_type, raw) in enumerate(source.layers):
        reader, name = EncryptingReader(_Plain(raw), size=len(raw)), store.new_name(organization.pk)
        store.put(name, reader)
        sealed = reader.encryption()
        blob = Blob.objects.create(
            name=name,
            organization=organization,
            registry=image.registry,
            source_digest=digest_of(raw),
            source_size=len(raw),
            media_type=media_type,
            digest=digest_of(raw),
            size=len(raw),
            cipher_digest=sealed.digest,
            hmac=sealed.hmac,
            nonce=sealed.nonce,
            wrapped_key=layer_keys.wrap(sealed.key, organization_id=organization.pk, digest=digest_of(raw)),
            stored_at=timezone.now(),
        )
        Layer.objects.create(
            image=image,
            position=position,
            media_type=media_type,
            digest=digest_of(raw),
            size=len(raw),
            received=len(raw),
            committed_at=timezone.now(),
            blob=blob,
        )
    return image


def blob_of(image: Image, position: int) -> Blob:
    """What a layer of the image is kept in."""
    return Blob.objects.get(layers__image=image, layers__position=position)


def make_group(organization: Any, image: Image, name: str = "app", **fields: Any) -> ContainerGroup:
    """A stopped group of a ready image."""
    group = ContainerGroup(
        organization=organization,
        project=organization.projects.get(slug="default"),
        name=name,
        image=image,
        status=ContainerGroup.Status.STOPPED,
        command=["/file-0", "--fast"],
        **fields,
    )
    group.environment = seal_environment(group.pk, {"GREETING": "hello"})
    group.save()
    return group


def started(group: ContainerGroup, node: NodeInHand) -> dict[str, Any]:
    """Start the group, have the node take its one instance, and return the node's `start` for it."""
    start(group, by=CONSOLE)
    assert node.poll().json() == {"start": [], "stop": []}
    prepare_all()
    (given,) = node.poll().json()["start"]
    return dict(given)


def prepare_all() -> None:
    """Do what the worker does."""
    for instance in Instance.objects.filter(node__isnull=False):
        prepare(instance.pk)
