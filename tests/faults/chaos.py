"""A randomised run: a nemesis picks faults under 30 pulls at a time; then everything has to settle and be whole.

    CHAOS_SEED=7 CHAOS_SECONDS=300 CHAOS_DATABASE=postgres python -m tests.faults.chaos

Prints the seed at once and one line of JSON at the end; ends with 1 where the checker found anything, or a pull was
lost, stuck, or failed with what no fault explains.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.checker import OVER, Violation, Witness, violations
from tests.faults.disk import small_disk
from tests.faults.nemesis import Nemesis
from tests.faults.portal import Portal
from tests.faults.proxy import FaultProxy
from tests.faults.stage import CANARY, QUICK, push
from tests.interop.docker_registry import DockerRegistry
from tests.support.fakes.images import Built, build_image, make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.helper_process import CallFailed
from tests.support.postgresql import Postgres

AT_ONCE = 30
WORKERS = 4
IMAGES = 8
ORGANIZATIONS = ("acme", "umbrella", "globex")
USER, SECRET = "robot", "chaos-canary-77e2"
BYTES_PER_SECOND = 3_000_000
"""Of each connection to a registry, so that pulls take long enough to be met by a fault."""
STRIKES = (0.1, 1.2)
DISK_BYTES = 300_000_000
SETTLING_SECONDS = 150.0
EXPLAINED = {"interrupted", "registry_unreachable", "store_failed", "digest_mismatch", "rate_limited"}
"""Codes of failures that faults may cause if they come faster than attempts; members cause the others."""


@dataclass
class Open:
    """A pull that was begun, and with which end it must come out unless a fault is in the way."""

    image: str
    group: str
    wanted: str | None


@dataclass
class Source:
    """A registry behind its proxy, and who may read there."""

    proxy: FaultProxy
    user: str
    password: str


class Chaos:
    """The run's members: they begin pulls, delete some, and wait."""

    def __init__(self, portal: Portal, sources: list[Source], images: list[Built], chance: random.Random) -> None:
        self.pulls: list[Open] = []
        self.ends: Counter[str] = Counter()
        self.lost: list[Violation] = []
        self.witness = Witness(
            {source.password.encode(): source.proxy.host for source in sources},
            {CANARY},
            proxies=[source.proxy for source in sources],
        )
        self._portal = portal
        self._sources = sources
        self._images = images
        self._chance = chance
        self._going_on: dict[str, Open] = {}
        self._over: list[Open] = []

    def step(self) -> None:
        """See what has ended, delete something now and then, begin as many as are missing."""
        self.check_pulls()
        if self._chance.random() < 0.15 and self._going_on:
            self._delete(self._chance.choice(list(self._going_on.values())))
        if self._chance.random() < 0.3 and len(self._over) > 20:
            self._delete(self._over.pop(self._chance.randrange(len(self._over))))
        while len(self._going_on) < AT_ONCE:
            self._begin()

    def check_pulls(self) -> int:
        """See what has ended; return how many have not."""
        found: dict[str, Any] = self._portal.calls.statuses(images=list(self._going_on))
        for image, pull in list(self._going_on.items()):
            status = found.get(image)
            if status is None:
                self.lost.append(Violation("E", f"image {image} is lost"))
            elif status["status"] not in OVER:
                continue
            else:
                self._judge(pull, status)
                self._over.append(pull)
            del self._going_on[image]
        return len(self._going_on)

    def _judge(self, pull: Open, status: dict[str, Any]) -> None:
        end = status["failure"] or status["status"]
        self.ends[end] += 1
        if end != pull.wanted and end not in EXPLAINED:
            self.lost.append(Violation("E", f"image {pull.image} ended as {end} and not as {pull.wanted}"))

    def _begin(self) -> None:
        source, number = self._chance.choice(self._sources), self._chance.randrange(IMAGES)
        kind = self._chance.choices(["good", "wrong password", "no such tag"], [12, 1, 1])[0]
        tag = "missing" if kind == "no such tag" else "1.0"
        made = self._portal.calls.create(
            organization=self._organization(),
            name=f"app-{len(self.pulls)}",
            reference=f"{source.proxy.host}/team/app-{number}:{tag}",
            username=source.user,
            password="mistyped" if kind == "wrong password" else source.password,
        )
        wanted = {"good": "ready", "wrong password": "authentication_failed", "no such tag": "image_not_found"}[kind]
        pull = Open(made["image"], made["group"], wanted)
        self.witness.layers[pull.image] = self._images[number].layer_digests
        self.pulls.append(pull)
        self._going_on[pull.image] = pull

    def _organization(self) -> str:
        """One whose pulls share layers, or a new one that has none yet."""
        if self._chance.random() < 0.4:
            return self._chance.choice(ORGANIZATIONS)
        slug = f"new-{len(self.pulls)}"
        self._portal.calls.organization(slug=slug)
        return slug

    def _delete(self, pull: Open) -> None:
        self._portal.calls.delete(group=pull.group)
        self._going_on.pop(pull.image, None)
        self.ends["deleted"] += 1


def main() -> int:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    seconds = float(os.environ.get("CHAOS_SECONDS") or 300)
    database = os.environ.get("CHAOS_DATABASE") or "sqlite"
    print(f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:.0f} CHAOS_DATABASE={database}", file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, _interrupt)
    chance = random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drayage-chaos-")))
        images = _images(chance)
        sources = _sources(stack, folder, images)
        disk = stack.enter_context(small_disk(folder / "disk", DISK_BYTES))
        postgres = stack.enter_context(Postgres(durable=True)) if database == "postgres" else None
        environment = dict(QUICK)
        if disk is not None:
            environment["PORTAL_STORAGE_URL"] = f"file://{disk}/blobs"
        if postgres is not None:
            environment["DATABASE_URL"] = postgres.url
        portal = stack.enter_context(Portal(folder / "portal", template=None, **environment))
        for slug in ORGANIZATIONS:
            portal.calls.organization(slug=slug)
        chaos = Chaos(portal, sources, images, chance)
        if postgres is not None:
            chaos.witness.folders = [postgres.folder]
        nemesis = Nemesis(portal, [source.proxy for source in sources], chance, disk=disk, postgres=postgres)
        stack.callback(nemesis.relent)
        portal.start_redis()
        portal.start_sweeper()
        for _ in range(WORKERS):
            portal.start_worker()

        for source in sources:
            source.proxy.bytes_per_second = BYTES_PER_SECOND
        began = time.monotonic()
        _rage(portal, chaos, nemesis, chance, until=began + seconds)
        nemesis.relent()
        stuck = _settle(portal, chaos)
        for worker in portal.workers():
            if not worker.horses():
                portal.end(worker)
        found = [*chaos.lost, *violations(portal, chaos.witness, patience=20)]
        for violation in found:
            print(violation, file=sys.stderr)
        if found:
            print(portal.log_tails(6000), file=sys.stderr)
        line = {
            "name": "chaos",
            "seed": seed,
            "seconds": round(time.monotonic() - began),
            "database": database,
            "pulls": len(chaos.pulls),
            "faults": nemesis.done.total(),
            "violations": len(found),
            "stuck": stuck,
            "ends": dict(chaos.ends.most_common()),
            "by_fault": dict(nemesis.done.most_common()),
            "left_out": sorted({"store_full", "database_killed"} - nemesis.names),
        }
        print(json.dumps(line), flush=True)
        return 1 if found or stuck else 0


def _rage(portal: Portal, chaos: Chaos, nemesis: Nemesis, chance: random.Random, *, until: float) -> None:
    """Faults every half second or so, who died replaced half a second later, members at work all the time."""
    strike_at = time.monotonic() + 2
    while time.monotonic() < until:
        portal.tend()
        chaos.step()
        if time.monotonic() > strike_at:
            nemesis.strike()
            strike_at = time.monotonic() + chance.uniform(*STRIKES)
        time.sleep(0.2)


def _settle(portal: Portal, chaos: Chaos) -> int:
    """Wait until everything is over; return how many pulls are not."""
    end = time.monotonic() + SETTLING_SECONDS
    while (left := chaos.check_pulls()) and time.monotonic() < end:
        portal.tend()
        time.sleep(0.2)
    portal.tend()
    return left


def _images(chance: random.Random) -> list[Built]:
    """Images that share: all a base, each two more layers with its neighbour."""
    base = make_layer({"canary": CANARY * 200}, level=0)
    parts = [
        make_layer({"part": chance.randbytes(chance.randrange(50_000, 1_500_000))}, level=0) for _ in range(IMAGES)
    ]
    own = [make_layer({"own": chance.randbytes(chance.randrange(20_000, 800_000))}, level=0) for _ in range(IMAGES)]
    return [build_image([base, parts[n], parts[(n + 1) % IMAGES], own[n]]) for n in range(IMAGES)]


def _sources(stack: ExitStack, folder: Path, images: list[Built]) -> list[Source]:
    """Debian's docker-registry, which asks for a password, and one that gives out tokens."""
    (folder / "docker-registry").mkdir()
    docker = stack.enter_context(DockerRegistry(folder / "docker-registry"))
    tokens = stack.enter_context(FakeRegistry(auth="bearer", users={USER: SECRET}))
    for number, image in enumerate(images):
        push(docker, folder / "layout", image, repository=f"team/app-{number}")
        for blob in image.blobs.values():
            tokens.push_blob(blob)
        tokens.push_manifest(f"team/app-{number}", "1.0", image.manifest, image.manifest_type)
    proxies = [stack.enter_context(FaultProxy(host)) for host in (docker.host, tokens.host)]
    tokens.realm = f"http://{proxies[1].host}/token"
    return [Source(proxies[0], docker.user, docker.password), Source(proxies[1], USER, SECRET)]


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CallFailed as failed:
        print(failed, file=sys.stderr)
        sys.exit(2)
