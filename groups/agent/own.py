"""Fetching without a container tool: the few requests of the registry protocol, with verification and decryption."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import requests
from joserfc.jwk import ECKey

from groups.agent.opening import ENCRYPTED, Descriptor, decrypt, read_layer_key
from groups.agent.order import Order, PullFailed

TIMEOUT = (5, 30)
MAX_TRIES = 4
PAUSE_SECONDS = 1
PIECE = 1024 * 1024
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Manifest(TypedDict):
    """An image's manifest, as far as it is read here."""

    config: Descriptor
    layers: list[Descriptor]


class OwnPuller:
    """See `groups.agent.order.Puller`."""

    def pull(self, order: Order, folder: Path) -> None:
        try:
            with requests.Session() as http:
                http.trust_env = False
                _Fetch(order, folder, http).run()
        except requests.RequestException as error:
            raise PullFailed(f"the registry does not answer: {type(error).__name__}") from None


class _Fetch:
    """The fetching of one image into one folder."""

    def __init__(self, order: Order, folder: Path, http: requests.Session) -> None:
        host, repository, self.digest = order.parts
        self.order, self.folder, self.http = order, folder, http
        self.registry = f"{'https' if order.secure else 'http'}://{host}/v2"
        self.address = f"{self.registry}/{repository}"
        self.key = ECKey.import_key(order.key_file.read_bytes())
        self.total, self.received = 0, 0

    def run(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self._bearer()}"
        manifest = self._manifest()
        blobs = [manifest["config"], *manifest["layers"]]
        self.total = sum(blob["size"] for blob in {blob["digest"]: blob for blob in blobs}.values())
        opened: dict[str, Descriptor] = {}
        for blob in blobs:
            if blob["digest"] not in opened:
                opened[blob["digest"]] = self._open(blob)
        manifest["config"] = opened[manifest["config"]["digest"]]
        manifest["layers"] = [opened[blob["digest"]] for blob in manifest["layers"]]
        (self.folder / "manifest.json").write_text(json.dumps(manifest))
        (self.folder / "version").write_text("Directory Transport Version: 1.1\n")

    def _bearer(self) -> str:
        """Redeem the one-time token."""
        login = (self.order.node_id, self.order.token)
        response = self.http.get(f"{self.registry}/token", auth=login, timeout=TIMEOUT, allow_redirects=False)
        if response.status_code != 200:
            raise PullFailed(f"the token was refused with {response.status_code}")
        return str(response.json()["token"])

    def _manifest(self) -> Manifest:
        raw = b"".join(self._get(f"{self.address}/manifests/{self.digest}", 0, MAX_MANIFEST_BYTES))
        if f"sha256:{hashlib.sha256(raw).hexdigest()}" != self.digest:
            raise PullFailed("the manifest is not the one that was ordered")
        manifest: Manifest = json.loads(raw)
        for blob in (manifest["config"], *manifest["layers"]):
            if not _DIGEST.fullmatch(blob["digest"]):
                raise PullFailed("the manifest names a blob oddly")
        return manifest

    def _open(self, blob: Descriptor) -> Descriptor:
        """Fetch one blob, decrypt it if it is encrypted, and return the descriptor of the plain blob."""
        raw = self._blob(blob["digest"], blob["size"])
        if not blob["mediaType"].endswith(ENCRYPTED):
            raw.rename(self.folder / blob["digest"].removeprefix("sha256:"))
            return blob
        layer = read_layer_key(blob, self.key)
        decrypt(raw, self.folder / layer.digest.removeprefix("sha256:"), layer, self.order)
        raw.unlink()
        return {
            "mediaType": blob["mediaType"].removesuffix(ENCRYPTED),
            "digest": layer.digest,
            "size": blob["size"],
        }

    def _blob(self, digest: str, size: int) -> Path:
        """Fetch a blob into a draft, resuming after errors, and verify its digest."""
        draft, sha256, received = self.folder / f".{digest.removeprefix('sha256:')}", hashlib.sha256(), 0
        with draft.open("wb") as target:
            for tries_left in reversed(range(MAX_TRIES)):
                try:
                    for piece in self._get(f"{self.address}/blobs/{digest}", received, size):
                        sha256.update(piece)
                        target.write(piece)
                        received += len(piece)
                        self._report(len(piece))
                except (requests.RequestException, OSError):
                    if not tries_left:
                        raise
                    self.order.cancelled.wait(PAUSE_SECONDS)
                if received >= size:
                    break
        if received != size or f"sha256:{sha256.hexdigest()}" != digest:
            raise PullFailed("a blob is not what the manifest says")
        return draft

    def _get(self, address: str, offset: int, max_size: int) -> Iterator[bytes]:
        """Yield a body from `offset` on. Raises PullFailed if it is refused, or longer than `max_size` bytes."""
        headers = {"Accept": MANIFEST_TYPE, "Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={offset}-"} if offset else {}
        with self.http.get(address, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False) as response:
            if response.status_code != (206 if offset else 200):
                raise PullFailed(f"the registry refused with {response.status_code}")
            for piece in response.iter_content(PIECE):
                self.order.check()
                offset += len(piece)
                if offset > max_size:
                    raise PullFailed("the registry sends more than it said")
                yield piece

    def _report(self, more: int) -> None:
        self.received += more
        self.order.progress(100 * self.received // max(self.total, 1), f"{self.received / 1e6:.1f} MB")
