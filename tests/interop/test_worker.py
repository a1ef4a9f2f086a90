"""Real workers on a real Redis: woken by a job, returning their pull to the queue on SIGTERM, and running nothing that
somebody else put there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from rq import Callback, Queue, Retry
from rq.serializers import DefaultSerializer, JSONSerializer

from groups.models import ContainerGroup, Image
from groups.queues.workers import read_workers
from portal.config.env import CHECKOUT
from portal.runtime import services
from portal.runtime.supervisor import signal_session
from registries.models import Credential
from tests.support import processes
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.file_contents import bytes_of
from tests.support.hostile_jobs import CALL, CANARY, PICKLE, ROW, put_job
from tests.support.pulls import SECRET, USER, decrypted, make_credential, make_group

pytestmark = [pytest.mark.interop, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def worker(redis: Any, blobs: Path) -> Callable[[], Any]:
    """Start a worker on this test's database and blobs: `with worker() as process`."""

    @contextmanager
    def start() -> Iterator[subprocess.Popen[bytes]]:
        child = services.worker(1)
        environment = os.environ | {
            **child.environment,
            "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
            "PORTAL_STORAGE_URL": f"file://{blobs}",
        }
        with (settings.PORTAL_DATA_DIR / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                child.command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            signal_session(process.pid)
            process.wait()

    return start


def until(what: Callable[[], Any]) -> None:
    """Wait for what other processes do."""
    processes.until(what, 30, (settings.PORTAL_DATA_DIR / "worker.log").read_text)


def test_a_worker_hands_its_pull_over_and_the_next_one_ends_it(worker: Any, project: Any) -> None:
    layers = [make_layer({"small": b"first"}), make_layer({"slow": os.urandom(12_000_000)}, level=0)]
    with FakeRegistry(auth="bearer", users={USER: SECRET}) as registry:
        pushed = registry.push_image("team/app", "1.0", layers=layers)
        registry.fault(pushed.layer_digests[1], bytes_per_second=3_000_000, times=1)
        with worker() as process:
            credential = make_credential(project.organization, registry.host)
            make_group(project, f"{registry.host}/team/app:1.0", credential=credential)
            until(lambda: Image.objects.get().layers.filter(position=1, received__gt=0).exists())
            assert Credential.objects.get().is_live

            process.send_signal(signal.SIGTERM)

            assert process.wait(10) == 0
        image = Image.objects.get()
        assert (image.status, image.lease, image.attempt) == ("queued", None, 1)

        with worker():
            until(lambda: ContainerGroup.objects.get().status == "stopped")

    image = Image.objects.get()
    assert image.attempt == 2
    assert len(registry.requests_to(pushed.layer_digests[0])) == 1
    assert [decrypted(layer) for layer in image.layers.order_by("position")] == layers
    assert not Credential.objects.get().is_live
    for path in settings.PORTAL_DATA_DIR.rglob("*"):
        if path.is_file() and "keys" not in path.parts:
            assert SECRET.encode() not in bytes_of(path), path


def test_whoever_writes_to_redis_runs_nothing_in_a_worker(
    worker: Any, redis: Any, project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web zone's process, taken over, has a connection to Redis and nothing else."""
    stolen, imported = tmp_path / "stolen", tmp_path / "imported"
    monkeypatch.setenv("DRAYAGE_CANARY", str(imported))
    key = settings.PORTAL_KEY_DIR / "worker" / "layers.key"
    assert key.exists()
    command = f"cp {key} {stolen}"
    for name in settings.RQ_QUEUES:
        for serializer in (JSONSerializer, DefaultSerializer):
            queue = Queue(name, connection=redis, serializer=serializer)
            queue.enqueue_call("subprocess.getoutput", args=(command,))
            queue.enqueue_call("os.system", args=(command,), on_success=Callback(CALL), retry=Retry(3))
            queue.enqueue_call(CALL, args=(str(ROW),))
            canary = Callback(CALL)
            queue.enqueue_call("groups.jobs.pull", args=(str(ROW),), on_success=canary, on_failure=canary)
            queue.enqueue_call("groups.jobs.pull", args=(str(ROW),), on_stopped=canary)
            queue.enqueue_call("groups.jobs.pull", args=("no id",), on_failure=Callback(CALL))
        put_job(redis, name, job_id=f"pickled-{name}", data=PICKLE)
        redis.zadd(f"rq:wip:{name}", {f"pickled-{name}:gone": 1})  # abandoned: RQ would call it back as failed
    redis.set("rq:suspended", 1)
    subprocess.run([sys.executable, "-c", f"import {CANARY}"], cwd=CHECKOUT, check=True)
    assert imported.exists(), "an import leaves its mark"
    imported.unlink()

    with FakeRegistry(auth="bearer", users={USER: SECRET}) as registry, worker() as process:
        registry.push_image("team/app", "1.0", layers=[make_layer({"small": b"first"})])
        credential = make_credential(project.organization, registry.host)
        make_group(project, f"{registry.host}/team/app:1.0", credential=credential)
        until(lambda: ContainerGroup.objects.get().status == "stopped")
        until(lambda: not any(redis.llen(f"rq:queue:{name}") for name in settings.RQ_QUEUES))
        assert process.poll() is None

    assert not stolen.exists()
    assert not imported.exists()
    said = (settings.PORTAL_DATA_DIR / "worker.log").read_text()
    assert "wakeup_refused" in said
    assert "layers.key" not in said
    assert "Traceback" not in said


def test_no_message_ends_a_pull_or_a_worker(worker: Any, redis: Any, project: Any) -> None:
    with FakeRegistry(auth="bearer", users={USER: SECRET}) as registry:
        layers = [make_layer({"slow": os.urandom(4_000_000)}, level=0)]
        pushed = registry.push_image("team/app", "1.0", layers=layers)
        registry.fault(pushed.layer_digests[0], bytes_per_second=3_000_000, times=1)
        with worker() as process:
            credential = make_credential(project.organization, registry.host)
            make_group(project, f"{registry.host}/team/app:1.0", credential=credential)
            until(lambda: Image.objects.get().layers.filter(received__gt=0).exists())
            (found,) = read_workers(redis)
            assert found.wakeup is not None

            commands = [{"command": name} for name in ("shutdown", "kill-horse", "stop-job", "stop-execution")]
            texts = [json.dumps(command | {"job_id": "x", "execution_id": "x"}).encode() for command in commands]
            for message in (*texts, b"", b"\xff\xfe", b"[]", b"{}", b'{"command": null}', b"[" * 100_000):
                redis.publish(f"rq:pubsub:{found.name}", message)
            redis.delete("rq:workers")
            redis.set(f"rq:worker:{found.name}", b"x")

            until(lambda: ContainerGroup.objects.get().status == "stopped")
            assert process.poll() is None
            assert Image.objects.get().attempt == 1
            until(lambda: [report.state for report in read_workers(redis)] == ["idle"])
