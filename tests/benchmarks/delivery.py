"""Ciphertext to nodes: one client, and 32 at once, from the layers process as it is deployed and through nginx.

Beside them, in turns: Debian's docker-registry with the same blobs, and nginx alone with the same files. Clients let
the kernel throw away what comes, so that it is the servers that are measured; each checks how much came. Each of our
transfers is of a session of its own node, which is what a token is good for.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks import load
from tests.benchmarks.figures import Figure, Plan, in_turns
from tests.benchmarks.fleet import Fleet
from tests.interop.docker_registry import DockerRegistry, write_index
from tests.support.fakes.images import OCI, as_json, descriptor, digest_of
from tests.support.nginx import nginx
from tests.support.processes import free_port

CLIENTS, LAYERS, LAYER_BYTES = 32, 4, 256_000_000
PIECE = 1024 * 1024


def measure(plan: Plan) -> Iterator[Figure]:
    """MB/s, and how much larger the process has become."""
    size = plan.bytes(LAYER_BYTES)
    with Fleet(plan.folder / "portal") as fleet:
        stored = _running(fleet, size)
        with _registry(plan.folder, stored) as registry:
            login = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()

            def ours(clients: int) -> float:
                return _transfer(fleet.layers_host, _sessions(fleet, stored, clients))

            def theirs(clients: int) -> float:
                paths = [f"/v2/team/app/blobs/{digest}" for digest, _ in stored]
                return _transfer(registry.host, [(f"Basic {login}", _share(paths, n, clients)) for n in range(clients)])

            before = fleet.layers_memory()
            yield from _beside(plan, "delivery", ours, theirs, "docker-registry, same blobs")
            yield Figure("delivery_memory_growth", (fleet.layers_memory() - before) / 1e6, "MB")
    yield from _behind_nginx(plan, size)


def _behind_nginx(plan: Plan, size: int) -> Iterator[Figure]:
    port, home = free_port(), plan.folder / "nginx"
    host = f"127.0.0.1:{port}"
    home.mkdir()
    with Fleet(plan.folder / "behind", PORTAL_DELIVERY="accel", PORTAL_PUBLIC_URL=f"http://{host}") as fleet:
        blobs = fleet.folder / "blobs"
        blobs.mkdir(exist_ok=True)
        with nginx(
            home,
            port,
            fleet.own_url,
            f"http://{fleet.layers_host}",
            blobs,
            workers=2,
            more=f"location /plain/ {{ alias {blobs}/; }}",
        ):
            stored = _running(fleet, size)
            paths = [f"/plain/{Path(file).relative_to(blobs)}" for _, file in stored]
            yield from _beside(
                plan,
                "delivery_by_nginx",
                lambda n: _transfer(host, _sessions(fleet, stored, n, host)),
                lambda n: _transfer(host, [("-", _share(paths, number, n)) for number in range(n)]),
                "nginx alone, same files",
            )


def _running(fleet: Fleet, size: int) -> list[list[str]]:
    """Have a node each run a replica of a group; return digest and file of each stored layer."""
    fleet.join(CLIENTS)
    fleet.hands("group", name="app", sizes=[size] * LAYERS, replicas=CLIENTS)
    fleet.hands("run", name="app")
    stored: list[list[str]] = fleet.hands("stored", name="app")
    return stored


def _beside(
    plan: Plan, name: str, ours: Callable[[int], float], theirs: Callable[[int], float], against: str
) -> Iterator[Figure]:
    """MB/s of both sides in turns, to one client and to many."""
    for clients, to in ((1, "one"), (CLIENTS, str(CLIENTS))):
        speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
        sides = [("ours", ours), ("theirs", theirs)]
        for run in range(plan.runs):
            for side, transfer in in_turns(sides, run):
                speeds[side].append(transfer(clients))
        yield Figure(f"{name}_to_{to}", median(speeds["ours"]), "MB/s", median(speeds["theirs"]), against)


def _share(paths: list[str], number: int, clients: int) -> list[str]:
    """What one client fetches: a lone one all layers, one of many a layer."""
    return paths if clients == 1 else [paths[number % len(paths)]]


def _sessions(fleet: Fleet, stored: list[list[str]], clients: int, host: str = "") -> list[tuple[str, list[str]]]:
    """For each client, the Authorization of a session of its own and the paths that it fetches there."""
    host, found = host or fleet.layers_host, []
    for number, (node, secret) in enumerate(fleet.hands("tokens", name="app")[:clients]):
        basic = "Basic " + base64.b64encode(f"{node}:{secret}".encode()).decode()
        bearer = json.loads(load.body_of(host, load.get(host, "/v2/token", basic)))["token"]
        paths = [f"/v2/acme/default/app/blobs/{digest}" for digest, _ in stored]
        found.append((f"Bearer {bearer}", _share(paths, number, clients)))
    return found


def _transfer(host: str, clients: Sequence[tuple[str, list[str]]]) -> float:
    """Let all clients fetch at once; return their bytes a second together, in MB."""
    received, ready = [0] * len(clients), threading.Barrier(len(clients) + 1)
    problems: list[BaseException] = []

    def fetch(number: int, authorization: str, paths: list[str]) -> None:
        try:
            name, _, port = host.partition(":")
            with socket.create_connection((name, int(port))) as connection:
                ready.wait()
                for path in paths:
                    received[number] += _receive(connection, load.get(host, path, authorization))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=fetch, args=(number, *client)) for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    spent = time.monotonic() - began
    if problems:
        raise problems[0]
    return sum(received) / spent / 1e6


def _receive(connection: socket.socket, request: bytes) -> int:
    """Ask for a blob and take its body; return how many bytes it has."""
    connection.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the blob was refused: {head[:200]!r}")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    left, nowhere = length, bytearray(PIECE)
    while left:
        came = connection.recv_into(nowhere, min(left, PIECE), socket.MSG_TRUNC)  # TCP: thrown away by the kernel
        if not came:
            raise RuntimeError("the blob ended early")
        left -= came
    return length


@contextmanager
def _registry(folder: Path, stored: list[list[str]]) -> Iterator[DockerRegistry]:
    """Debian's docker-registry with an image of the same ciphertext."""
    layout, home = folder / "layout", folder / "docker-registry"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    home.mkdir()
    layers = []
    for digest, file in stored:
        (blobs / digest.removeprefix("sha256:")).symlink_to(file)
        size = Path(file).stat().st_size
        layers.append({"mediaType": f"{OCI['layer']}+encrypted", "digest": digest, "size": size})
    config = as_json({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
    described = {"schemaVersion": 2, "mediaType": OCI["manifest"], "config": descriptor(OCI["config"], config)}
    manifest = as_json({**described, "layers": layers})
    for raw in (config, manifest):
        (blobs / digest_of(raw).removeprefix("sha256:")).write_bytes(raw)
    write_index(layout, OCI["manifest"], manifest)
    with DockerRegistry(home) as registry:
        registry.push("team/app", "1.0", layout)
        yield registry
