"""The checker finds what is wrong: each invariant is broken once in a portal that is whole otherwise."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from redis import Redis

from tests.faults.checker import find_violations, violations
from tests.faults.portal import Portal
from tests.faults.proxy import FaultProxy
from tests.faults.stage import CANARY, QUICK, Pull, Stage
from tests.interop.docker_registry import DockerRegistry
from tests.interop.launching import still_running
from tests.support.fakes.images import Built
from tests.support.processes import until


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, template: Path, docker_registry: DockerRegistry, built: Built
) -> Iterator[tuple[Stage, Pull, Pull]]:
    """A portal at rest with one image that is ready and one that failed."""
    with (
        FaultProxy(docker_registry.host) as proxy,
        Portal(tmp_path_factory.mktemp("whole"), template=template, **QUICK) as portal,
    ):
        stage = Stage(portal, docker_registry, proxy, built)
        portal.start_redis()
        portal.start_worker()
        good, bad = stage.pull(), stage.pull("no-such-tag")
        stage.settle(good, bad)
        stage.check()
        yield stage, good, bad


def found(stage: Stage) -> dict[str, list[str]]:
    """What the checker finds now, by letter."""
    seen: dict[str, list[str]] = {}
    for violation in find_violations(stage.portal, stage.witness):
        seen.setdefault(violation.invariant, []).append(violation.found)
    return seen


Break = Callable[[Stage, Pull, Pull], Callable[[], object]]
"""Breaks something; returns what mends it again."""


def _sql(broken: str, mended: str) -> Break:
    def apply(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
        names = {"good": good.image.replace("-", ""), "bad": bad.image.replace("-", "")}
        names |= {"group": good.group.replace("-", ""), "bad_group": bad.group.replace("-", "")}
        assert stage.portal.calls.execute(sql=broken.format(**names)) >= 1
        return lambda: stage.portal.calls.execute(sql=mended.format(**names))

    return apply


def _a_credential_that_opens(settled: bool) -> Break:
    def apply(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
        made = stage.portal.calls.keep_a_credential(image=good.image, settled=settled)
        return lambda: stage.portal.calls.drop_a_credential(credential=made, image=good.image)

    return apply


def _blob(change: Callable[[bytearray], object]) -> Break:
    def apply(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
        path = max(
            (file for file in stage.portal.blobs.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size
        )
        whole = path.read_bytes()
        spoiled = bytearray(whole)
        change(spoiled)
        path.write_bytes(spoiled)
        return lambda: path.write_bytes(whole)

    return apply


def _file(where: str, content: bytes) -> Break:
    def apply(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
        path = stage.portal.folder / where.format(good=good.organization)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(b"SECRET", stage.registry.password.encode()))
        return path.unlink

    return apply


def _redis(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
    client = Redis(unix_socket_path=stage.portal.redis_socket)
    client.config_set("appendonly", "no")  # else its file keeps what was said
    client.hset("rq:job:made-up", "data", f"pull {stage.registry.password} " * 20)

    def mend() -> None:
        client.delete("rq:job:made-up")
        client.config_set("appendonly", "yes")
        client.close()

    return mend


def _process(**environment: str) -> Break:
    def apply(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
        shown = {name: value.replace("SECRET", stage.registry.password) for name, value in environment.items()}
        code = "import os, time; os.fork(); time.sleep(600)" if not environment else "import time; time.sleep(600)"
        process = stage.portal.start("worker", [sys.executable, "-c", code], **shown)
        until(lambda: len(process.members()) == (1 if environment else 2))

        def mend() -> None:
            process.end()
            stage.portal.processes.remove(process)

        return mend

    return apply


def _shown_elsewhere(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
    other = FaultProxy(stage.registry.host)
    other.__enter__()
    connection = HTTPConnection(other.host)
    login = base64.b64encode(f"{stage.registry.user}:{stage.registry.password}".encode()).decode()
    connection.request("GET", "/v2/", headers={"Authorization": f"Basic {login}"})
    connection.getresponse().read()
    connection.close()
    until(lambda: other.connections == 0)
    stage.witness.proxies = [stage.proxy, other]

    def mend() -> None:
        stage.witness.proxies = [stage.proxy]
        other.__exit__()

    return mend


def _connected(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
    connection = HTTPConnection(stage.proxy.host)
    connection.connect()
    until(lambda: stage.proxy.connections)

    def mend() -> None:
        connection.close()
        until(lambda: stage.proxy.connections == 0)

    return mend


def _twice(model: str, undo: str, **changed: str) -> Break:
    def apply(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
        stage.portal.calls.repeat(model=model, **changed)
        return lambda: stage.portal.calls.execute(sql=undo)

    return apply


def _flip(raw: bytearray) -> None:
    raw[len(raw) // 2] ^= 1


def _expected(stage: Stage, good: Pull, bad: Pull) -> Callable[[], object]:
    right = stage.witness.layers[good.image]
    stage.witness.layers[good.image] = right[::-1]
    return lambda: stage.witness.layers.update({good.image: right})


BROKEN: list[tuple[str, str, Break]] = [
    ("W", "its pulls have settled", _a_credential_that_opens(settled=True)),
    ("W", "its deadline has passed", _a_credential_that_opens(settled=False)),
    ("F", "ready and has a lease", _sql(
        "UPDATE groups_image SET lease = '00000000000000000000000000000001' WHERE id = '{good}'",
        "UPDATE groups_image SET lease = NULL WHERE id = '{good}'",
    )),
    ("F", "is unfinished, and the attempt is over", _sql(
        "UPDATE groups_pullstep SET outcome = 'running' WHERE image_id = '{good}' AND name = 'store'",
        "UPDATE groups_pullstep SET outcome = 'ok' WHERE image_id = '{good}' AND name = 'store'",
    )),
    ("F", "steps of attempt 2, and is at 1", _sql(
        "UPDATE groups_pullstep SET attempt = 2 WHERE image_id = '{good}' AND name = 'store'",
        "UPDATE groups_pullstep SET attempt = 1 WHERE image_id = '{good}' AND name = 'store'",
    )),
    ("F", "began while the one before still wrote", _sql(
        "UPDATE groups_pullstep SET attempt = 0 WHERE image_id = '{good}' AND name = 'store'",
        "UPDATE groups_pullstep SET attempt = 1 WHERE image_id = '{good}' AND name = 'store'",
    )),
    ("F", "failed 2 times", _twice("Failure", "DELETE FROM groups_failure WHERE rowid > 1")),
    ("E", "is queued", _sql(
        "UPDATE groups_image SET status = 'queued' WHERE id = '{bad}'",
        "UPDATE groups_image SET status = 'failed' WHERE id = '{bad}'",
    )),
    ("E", "is pending and its image ready", _sql(
        "UPDATE groups_containergroup SET status = 'pending' WHERE id = '{group}'",
        "UPDATE groups_containergroup SET status = 'stopped' WHERE id = '{group}'",
    )),
    ("E", "without a record of it", _sql(
        "UPDATE groups_failure SET group_id = '{group}'", "UPDATE groups_failure SET group_id = '{bad_group}'"
    )),
    ("R", "the ciphertext has another digest", _blob(_flip)),
    ("R", "the blob is missing", _sql(
        "UPDATE groups_blob SET name = name || 'x'", "UPDATE groups_blob SET name = rtrim(name, 'x')"
    )),
    ("R", "the key does not unwrap", _sql(
        "UPDATE groups_blob SET digest = digest || 'x'", "UPDATE groups_blob SET digest = rtrim(digest, 'x')"
    )),
    ("R", "it does not unpack", _sql(
        "UPDATE groups_layer SET digest = digest || 'x' WHERE image_id = '{good}' AND position = 1",
        "UPDATE groups_layer SET digest = rtrim(digest, 'x') WHERE image_id = '{good}' AND position = 1",
    )),
    ("R", "without all its layers", _sql(
        "UPDATE groups_layer SET committed_at = NULL WHERE image_id = '{good}' AND position = 1",
        "UPDATE groups_layer SET committed_at = CURRENT_TIMESTAMP WHERE image_id = '{good}' AND position = 1",
    )),
    ("R", "its config does not open", _sql(
        "UPDATE groups_image SET config_digest = config_digest || 'x' WHERE id = '{good}'",
        "UPDATE groups_image SET config_digest = rtrim(config_digest, 'x') WHERE id = '{good}'",
    )),
    ("R", "other layers than its registry", _expected),
    ("G", "is an orphan", _file("var/blobs/{good}/00/left-behind", b"ciphertext of nothing")),
    ("G", "is used by no layer", _twice("Blob", "DELETE FROM groups_blob WHERE name = 'unused'", name="unused")),
    ("G", "is half-written", _file("var/blobs/.drafts/left-behind", b"cipher")),
    ("L", "holds a secret", _file("logs/made-up.log", b'{"event": "signing in with SECRET"}')),
    ("L", "holds a secret", _file("var/blobs/{good}/00/in-clear", b"tar" * 100 + CANARY)),
    ("L", "Redis key", _redis),
    ("L", "the environ of a process", _process(LOGIN="SECRET")),
    ("L", "was shown to", _shown_elsewhere),
    ("B", "work-horses with nothing to do", _process()),
    ("B", "connections to a registry are open", _connected),
    ("B", "temporary file", _file("tmp/tmpabcd", b"")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "words", "broken"), BROKEN, ids=[f"{letter} {words}" for letter, words, _ in BROKEN]
)
def test_what_is_broken_is_found(whole: tuple[Stage, Pull, Pull], letter: str, words: str, broken: Break) -> None:
    stage, good, bad = whole
    mend = broken(stage, good, bad)
    try:
        seen = found(stage)
    finally:
        mend()

    assert any(words in line for line in seen.get(letter, [])), seen
    assert violations(stage.portal, stage.witness) == []


def test_a_worker_that_died_with_a_work_horse_left_behind_is_found(whole: tuple[Stage, Pull, Pull]) -> None:
    stage, _, _ = whole
    code = "import os, time\nif os.fork(): time.sleep(0.5)\nelse: time.sleep(600)"
    process = stage.portal.start("worker", [sys.executable, "-c", code])
    process.wait()
    try:
        assert "left 1 processes" in " ".join(found(stage)["B"])
    finally:
        process.end()
        stage.portal.processes.remove(process)


def test_the_scan_reads_a_live_database_from_another_process(whole: tuple[Stage, Pull, Pull]) -> None:
    stage, _, bad = whole
    name = bad.group.replace("-", "")
    secret = stage.registry.password
    stage.portal.calls.execute(sql=f"UPDATE groups_failure SET raw = raw || '{secret}' WHERE group_id = '{name}'")
    try:
        assert any("portal.sqlite3" in line for line in found(stage)["L"])
    finally:
        stage.portal.calls.execute(
            sql=f"UPDATE groups_failure SET raw = REPLACE(raw, '{secret}', '') WHERE group_id = '{name}'"
        )
        stage.portal.calls.execute(sql="VACUUM")
        stage.portal.calls.execute(sql="PRAGMA wal_checkpoint(TRUNCATE)")


def test_the_portal_is_gone_with_all_its_processes(template: Path, tmp_path: Path) -> None:
    with Portal(tmp_path, template=template) as portal:
        portal.start_redis()
        portal.start_worker()
        portal.start_sweeper()
        assert len(still_running(portal.environment)) == 4

    assert still_running(portal.environment) == []
