"""The one checker: whether a portal that came through faults still is as it must be, seen from outside.

It reads the database (through `tests.faults.rows`), the blob store, the requests that registries saw, a dump of
Redis, logs, environments of processes and temporary folders, and knows nothing of what was done to the portal.

    W wipe     no credential opens any more whose pulls have settled or whose deadline passed
    F fence    attempts follow one another; only the current one holds a lease or has unfinished steps
    E end      every pull has come to its end, and its group says the same
    R ready    what is ready is there, decrypts, and is what the registry serves
    G garbage  nothing is stored that no row knows, nothing is half-written
    L leak     no secret, and no layer in clear, anywhere but in the registry
    B bounds   no work-horse, connection, temporary file or large process is left

A portal at rest is meant: everything has settled and a sweep or two have passed. What is on its way out is given a
second find_violations, so a process that is just being replaced is no leak.
"""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from tests.faults.portal import Portal, Process
from tests.faults.proxy import FaultProxy

OVER = {"ready", "failed"}
GOOD = {"stopped", "deploying", "running", "succeeded"}
MAX_RSS = 250_000_000
MAX_FILES = 100
CLOCK_SECONDS = 0.005
"""What two stamps of one clock may differ by, after SQLite has cut them to milliseconds."""


@dataclass(frozen=True, order=True)
class Violation:
    """An invariant by its letter, and what was found."""

    invariant: str
    found: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.found}"


@dataclass
class Witness:
    """What is known from outside the portal: `secrets` maps each to the `host:port` that may see it, `canaries` are in
    unencrypted layers, `layers` maps an image's id to the digests that its registry serves, in order."""

    secrets: dict[bytes, str] = field(default_factory=dict)
    canaries: set[bytes] = field(default_factory=set)
    layers: dict[str, list[str]] = field(default_factory=dict)
    proxies: Sequence[FaultProxy] = ()
    folders: Sequence[Path] = ()
    """Where else to look for leaks, such as a PostgreSQL's data."""


def violations(portal: Portal, witness: Witness, *, patience: float = 8.0) -> list[Violation]:
    """Return what is wrong with a portal at rest. What is found must be found at every look within `patience`."""
    end = time.monotonic() + patience
    found = set(find_violations(portal, witness))
    while found and time.monotonic() < end:
        time.sleep(0.3)
        found &= set(find_violations(portal, witness))
    return sorted(found)


def find_violations(portal: Portal, witness: Witness) -> Iterator[Violation]:
    """One look at everything."""
    rows = portal.calls.rows()
    yield from wiped(rows)
    yield from fenced(rows)
    yield from ended(rows)
    yield from ready(rows, witness)
    yield from no_garbage(rows, portal.blobs)
    yield from no_leak(portal, witness)
    yield from bounded(portal, witness)


def wiped(rows: Mapping[str, Any]) -> Iterator[Violation]:
    for credential in rows["credentials"]:
        if not credential["opens"]:
            continue
        if credential["since_deadline"] > 0:
            yield Violation("W", f"credential {credential['id']} opens though its deadline has passed")
        elif credential["hold"] == "pull" and credential["pulls"] and not credential["going_on"]:
            yield Violation("W", f"credential {credential['id']} opens though its pulls have settled")


def fenced(rows: Mapping[str, Any]) -> Iterator[Violation]:
    attempts: dict[str, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for step in rows["steps"]:
        attempts[step["image"]][step["attempt"]].append(step)
    failures: dict[tuple[str, int], int] = defaultdict(int)
    for failure in rows["failures"]:
        if failure["group"]:
            failures[failure["group"], failure["attempt"]] += 1
    for (group, attempt), count in failures.items():
        if count > 1:
            yield Violation("F", f"group {group} failed {count} times in attempt {attempt}")
    for image in rows["images"]:
        name = f"image {image['id']}"
        if image["lease"] != (image["status"] == "pulling"):
            yield Violation("F", f"{name} is {image['status']} and has {'a' if image['lease'] else 'no'} lease")
        before = 0.0
        for attempt, steps in sorted(attempts[image["id"]].items()):
            if attempt > image["attempt"]:
                yield Violation("F", f"{name} has steps of attempt {attempt}, and is at {image['attempt']}")
            current = attempt == image["attempt"] and image["status"] == "pulling"
            if not current and any(step["outcome"] == "running" for step in steps):
                yield Violation("F", f"{name}: a step of attempt {attempt} is unfinished, and the attempt is over")
            if min(step["began"] for step in steps) < before - CLOCK_SECONDS:
                yield Violation("F", f"{name}: attempt {attempt} began while the one before still wrote")
            before = max((step["ended"] or step["began"] for step in steps), default=before)


def ended(rows: Mapping[str, Any]) -> Iterator[Violation]:
    images = {image["id"]: image for image in rows["images"]}
    failed = {failure["group"] for failure in rows["failures"]}
    for image in rows["images"]:
        if image["status"] not in OVER:
            yield Violation("E", f"image {image['id']} is {image['status']}, attempt {image['attempt']}")
        elif image["settled_at"] is None:
            yield Violation("E", f"image {image['id']} is over and does not say since when")
    for group in rows["groups"]:
        status = images[group["image"]]["status"]
        if status == "ready" and group["status"] not in GOOD:
            yield Violation("E", f"group {group['id']} is {group['status']} and its image ready")
        elif status == "failed" and (group["status"] != "failed" or group["id"] not in failed):
            yield Violation("E", f"group {group['id']} is {group['status']}, its image failed without a record of it")


def ready(rows: Mapping[str, Any], witness: Witness) -> Iterator[Violation]:
    layers: dict[str, list[Any]] = defaultdict(list)
    for layer in rows["layers"]:
        layers[layer["image"]].append(layer)
        if layer["committed"] and layer["wrong"]:
            yield Violation("R", f"layer {layer['position']} of image {layer['image']}: {layer['wrong']}")
    images = {image["id"]: image for image in rows["images"]}
    for group in rows["groups"]:
        if group["status"] in GOOD and images[group["image"]]["status"] != "ready":
            yield Violation("R", f"group {group['id']} is {group['status']} without an image")
    for image in rows["images"]:
        if image["status"] != "ready":
            continue
        if not image["config_digest"] or image["config_found"] != image["config_digest"]:
            yield Violation("R", f"image {image['id']}: its config does not open to what it was")
        own = layers[image["id"]]
        if not own or not all(layer["committed"] for layer in own):
            yield Violation("R", f"image {image['id']} is ready without all its layers")
        expected = witness.layers.get(image["id"])
        if expected is not None and [layer["digest"] for layer in own] != expected:
            yield Violation("R", f"image {image['id']} has other layers than its registry")


def no_garbage(rows: Mapping[str, Any], blobs: Path) -> Iterator[Violation]:
    known = {blob["name"] for blob in rows["blobs"]}
    for blob in rows["blobs"]:
        if not blob["used"]:
            yield Violation("G", f"{blob['name']} is used by no layer and still kept")
    for path in files(blobs):
        name = str(path.relative_to(blobs))
        if name not in known:
            kind = "half-written" if name.startswith(".drafts") else "an orphan"
            yield Violation("G", f"{name} is {kind}")


def no_leak(portal: Portal, witness: Witness) -> Iterator[Violation]:
    wanted = witness.canaries | set(witness.secrets)
    wanted |= {base64.b64encode(secret) for secret in witness.secrets}
    if wanted:
        places = [portal.folder, *witness.folders]
        for path in grep(wanted, places):
            yield Violation("L", f"{path} holds a secret")
        for process in _processes(portal):
            for name in ("environ", "cmdline"):
                if any(secret in _proc(process, name) for secret in wanted):
                    yield Violation("L", f"the {name} of a process holds a secret")
        for key, value in redis_dump(portal):
            if any(secret in key + value for secret in wanted):
                yield Violation("L", f"Redis key {key!r} holds a secret")
    for proxy in witness.proxies:
        for request in list(proxy.requests):
            shown = revealed(request.credential)
            for secret, host in witness.secrets.items():
                if secret in shown and host != proxy.host:
                    yield Violation("L", f"a secret of {host} was shown to {proxy.host}")


def bounded(portal: Portal, witness: Witness) -> Iterator[Violation]:
    for process in portal.processes:
        if not process.is_alive:
            if left := process.members():
                yield Violation("B", f"{process.name} ended and left {len(left)} processes")
            continue
        if horses := process.horses():
            yield Violation("B", f"{process.name} has {len(horses)} work-horses with nothing to do")
        if (size := rss(process)) > MAX_RSS:
            yield Violation("B", f"{process.name} has {size // 1_000_000} MB")
        if (count := open_files(process)) > MAX_FILES:
            yield Violation("B", f"{process.name} has {count} open files")
    for path in files(portal.temp):
        yield Violation("B", f"the temporary file {path.name} is left")
    for proxy in witness.proxies:
        if proxy.connections:
            yield Violation("B", f"{proxy.connections} connections to a registry are open")


def files(folder: Path) -> Iterator[Path]:
    """Every file below a folder; what vanishes in the meantime is left out."""
    for where, _, names in os.walk(folder):
        for name in names:
            yield Path(where, name)


def grep(wanted: set[bytes], places: Sequence[Path]) -> list[str]:
    """Return the files that hold one of these. By another process: whoever opens and closes an SQLite file that it
    has a connection to loses its locks."""
    command = ["grep", "-r", "-a", "-l", "-s", "-F", "-f", "-", "--devices=skip", "--", *map(str, places)]
    done = subprocess.run(command, input=b"\n".join(sorted(wanted)), capture_output=True, check=False)
    assert done.returncode in (0, 1, 2), done.stderr  # 2: a file vanished
    return done.stdout.decode().splitlines()


def redis_dump(portal: Portal) -> Iterator[tuple[bytes, bytes]]:
    """Every key of Redis with all that it holds."""
    if portal.redis is None or not portal.redis.is_alive:
        return
    with Redis(unix_socket_path=portal.redis_socket, socket_timeout=5) as client:
        read: dict[bytes, Any] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            b"stream": client.xrange,
        }
        for key in client.scan_iter(count=500):
            kind: Any = client.type(key)
            if kind != b"none":
                yield bytes(key), repr(read[kind](key)).encode()


def revealed(header: bytes) -> bytes:
    """What an Authorization header contains."""
    kind, _, value = header.partition(b" ")
    if kind.lower() != b"basic":
        return header
    return header + b" " + base64.b64decode(value)


def rss(process: Process) -> int:
    """Resident bytes of a process, 0 where it is gone."""
    pages = _proc(process.pid, "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def open_files(process: Process) -> int:
    try:
        return len(os.listdir(f"/proc/{process.pid}/fd"))
    except OSError:
        return 0


def _processes(portal: Portal) -> list[int]:
    return [pid for process in portal.processes for pid in process.members()]


def _proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
