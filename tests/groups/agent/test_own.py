"""Fetching without a container tool: from a registry that breaks off, refuses or sends something else."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import requests

from groups.agent import identity, own
from groups.agent.order import Cancelled, Order, PullFailed
from groups.agent.own import OwnPuller


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


CONFIG, LAYER = b'{"os": "linux"}', b"layer" * 1000


class Answer:
    """A response; one with `breaks` ends with an error instead of the last byte."""

    def __init__(self, status: int, body: bytes, *, breaks: bool = False) -> None:
        self.status_code, self.body, self.breaks = status, body, breaks

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def json(self) -> Any:
        return json.loads(self.body)

    def iter_content(self, size: int) -> Iterator[bytes]:
        yield self.body
        if self.breaks:
            raise requests.ConnectionError


class Registry:
    """Answers the requests of `OwnPuller`. `calls` has each address with its range, `bodies` what is stored."""

    def __init__(self) -> None:
        self.bodies = {digest_of(body): body for body in (CONFIG, LAYER)}
        self.calls: list[tuple[str, str]] = []
        self.authorization: list[object] = []
        self.breaks, self.status, self.cut = 0, 200, 2000
        self.list([LAYER])

    def list(self, layers: list[bytes], **change: Any) -> None:
        blobs = [{"mediaType": "m", "digest": digest_of(body), "size": len(body), **change} for body in layers]
        config = {"mediaType": "c", "digest": digest_of(CONFIG), "size": len(CONFIG)}
        self.manifest = json.dumps({"config": config, "layers": blobs}).encode()
        self.digest = digest_of(self.manifest)

    def get(self, http: requests.Session, address: str, **options: Any) -> Answer:
        assert not options["allow_redirects"]
        assert not http.trust_env
        assert options["timeout"] == (5, 30)
        asked = options.get("headers", {}).get("Range", "")
        self.calls.append((address, asked))
        if address.endswith("/token"):
            self.authorization.append(options["auth"])
            return Answer(self.status, b'{"token": "drs_bearer"}')
        self.authorization.append(http.headers["Authorization"])
        name = address.rpartition("/")[2]
        if "/manifests/" in address:
            return Answer(200, self.manifest)
        first = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        body = self.bodies[name][first:]
        if name == digest_of(LAYER) and self.breaks:
            self.breaks -= 1
            return Answer(206 if first else 200, body[: self.cut], breaks=True)
        return Answer(206 if first else 200, body)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(requests.Session, "get", lambda http, address, **more: registry.get(http, address, **more))
    monkeypatch.setattr(own, "PAUSE_SECONDS", 0)
    return registry


class Node:
    def __init__(self, folder: Path) -> None:
        self.key_file = identity.load(folder / "node").key_file
        self.folder = folder / "image"
        self.folder.mkdir()
        self.progress: list[tuple[int, str]] = []
        self.cancelled = threading.Event()

    def pull(self, registry: Registry, *, secure: bool = True) -> None:
        order = Order(
            f"h:1/acme/app@{registry.digest}", "node-1", "drt_secret", secure, self.key_file,
            lambda *step: self.progress.append(step), cancelled=self.cancelled,
        )  # fmt: skip
        OwnPuller().pull(order, self.folder)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_each_blob_is_fetched_once_and_the_token_is_traded(registry: Registry, node: Node) -> None:
    registry.list([LAYER, LAYER])
    node.pull(registry)
    blobs = [f"https://h:1/v2/acme/app/blobs/{digest_of(body)}" for body in (CONFIG, LAYER)]
    assert [address for address, _ in registry.calls] == [
        "https://h:1/v2/token", f"https://h:1/v2/acme/app/manifests/{registry.digest}", *blobs,
    ]  # fmt: skip
    assert registry.authorization == [("node-1", "drt_secret"), *["Bearer drs_bearer"] * 3]
    assert {path.name for path in node.folder.iterdir()} == {
        "manifest.json", "version", *(digest_of(body).removeprefix("sha256:") for body in (CONFIG, LAYER)),
    }  # fmt: skip
    assert json.loads((node.folder / "manifest.json").read_text()) == json.loads(registry.manifest)
    assert (node.folder / "version").read_text() == "Directory Transport Version: 1.1\n"
    assert node.progress == [(0, "0.0 MB"), (100, "0.0 MB")]


def test_plain_http_is_for_a_portal_without_https(registry: Registry, node: Node) -> None:
    node.pull(registry, secure=False)
    assert {address.partition(":")[0] for address, _ in registry.calls} == {"http"}


def test_what_breaks_off_is_resumed_where_it_was(registry: Registry, node: Node) -> None:
    registry.breaks = 3
    registry.cut = 1000
    node.pull(registry)
    ranges = [asked for address, asked in registry.calls if address.endswith(digest_of(LAYER))]
    assert ranges == ["", "bytes=1000-", "bytes=2000-", "bytes=3000-"]
    assert (node.folder / digest_of(LAYER).removeprefix("sha256:")).read_bytes() == LAYER


def test_after_four_tries_it_has_failed(registry: Registry, node: Node) -> None:
    registry.breaks, registry.cut = 4, 10
    with pytest.raises(PullFailed, match="does not answer: ConnectionError"):
        node.pull(registry)
    assert len(registry.calls) == 3 + 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (LAYER[:-1], "not what the manifest says"),
        (LAYER[:-1] + b"!", "not what the manifest says"),
        (LAYER + b"!", "more than it said"),
    ],
)
def test_a_blob_that_is_another(registry: Registry, node: Node, body: bytes, reason: str) -> None:
    class Short(dict[str, bytes]):
        def __getitem__(self, name: str) -> bytes:
            return body if name == digest_of(LAYER) else CONFIG

    registry.bodies = Short()
    if len(body) < len(LAYER):  # a resumed request gets the nothing that is left
        registry.breaks = 0
    with pytest.raises(PullFailed, match=reason):
        node.pull(registry)
    assert not (node.folder / "manifest.json").exists()
    assert not (node.folder / digest_of(LAYER).removeprefix("sha256:")).exists()


def test_a_manifest_that_is_another(registry: Registry, node: Node) -> None:
    registry.manifest = registry.manifest.replace(b'"m"', b'"n"')
    with pytest.raises(PullFailed, match="not the one that was ordered"):
        node.pull(registry)
    assert len(registry.calls) == 2


@pytest.mark.parametrize("name", ["sha256:../../../etc/cron.d/x", "sha512:" + "a" * 64, "sha256:" + "a" * 64 + "\n"])
def test_a_blob_with_an_odd_name(registry: Registry, node: Node, name: str) -> None:
    registry.list([LAYER], digest=name)
    with pytest.raises(PullFailed, match="names a blob oddly"):
        node.pull(registry)
    assert len(registry.calls) == 2


def test_a_layer_whose_key_can_not_be_read(registry: Registry, node: Node) -> None:
    registry.list([LAYER], mediaType="m+encrypted", annotations={})
    with pytest.raises(PullFailed, match="encryption can't be read"):
        node.pull(registry)
    assert not (node.folder / "manifest.json").exists()


@pytest.mark.parametrize("status", [302, 401, 503])
def test_a_token_that_is_refused(registry: Registry, node: Node, status: int) -> None:
    registry.status = status
    with pytest.raises(PullFailed, match=f"the token was refused with {status}"):
        node.pull(registry)
    assert len(registry.calls) == 1


def test_what_is_cancelled_stops(registry: Registry, node: Node) -> None:
    node.cancelled.set()
    with pytest.raises(Cancelled):
        node.pull(registry)
    assert len(registry.calls) == 2
