"""Real workers on a real Redis: woken by a job, and returning their pull to the queue on SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from groups.models import ContainerGroup, Image
from portal.config.env import CHECKOUT
from portal.runtime import services
from portal.runtime.supervisor import signal_session
from registries.models import Credential
from tests.support import processes
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.file_contents import bytes_of
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
