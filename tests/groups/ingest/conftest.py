"""A registry, an organization in a database that threads share, and the way from a group to a pull."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from groups import failpoints, jobs
from groups.actions.checks import start_check
from groups.ingest import check
from groups.ingest.claim import Claim, claim
from groups.models import ContainerGroup, Image, ImageCheck
from portal.models import Organization, Project
from registries.foundation.actor import CONSOLE
from registries.oci.reference import parse
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential, make_group

HOST = "registry.example.com"

Pulled = Callable[..., ContainerGroup]
Checked = Callable[..., ImageCheck]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Wake-ups that were sent: queue and row id. There is no Redis here."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "groups.rules.wakeups.enqueue_job", lambda queue, function, row_id: sent.append((queue, row_id))
    )
    return sent


@pytest.fixture
def woken_after(woken: list[tuple[str, str]], django_capture_on_commit_callbacks: Any) -> Any:
    """A block after which the wake-ups that it sent are in the list that it yields."""

    @contextmanager
    def block() -> Iterator[list[tuple[str, str]]]:
        woken.clear()
        with django_capture_on_commit_callbacks(execute=True):
            yield woken

    return block


@pytest.fixture(params=["basic", "bearer"])
def registry(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    """A private registry that knows one user."""
    with FakeRegistry(auth=request.param, users={USER: SECRET}) as fake:
        yield fake


@pytest.fixture
def basic_registry() -> Iterator[FakeRegistry]:
    """The same, where the kind of authentication makes no difference."""
    with FakeRegistry(auth="basic", users={USER: SECRET}) as fake:
        yield fake


@pytest.fixture
def shared(
    transactional_db: None, blobs: Any, woken: list[tuple[str, str]], acme: Organization, project: Project
) -> Project:
    """Acme's project in a database that other threads see too, with an empty blob store; wake-ups are caught."""
    return project


@pytest.fixture
def held(project: Project, woken: list[tuple[str, str]]) -> Claim:
    """The claim on a pull with a credential, from a registry that nobody asks. Nothing is committed."""
    group = make_group(project, f"{HOST}/team/app:1.0", credential=make_credential(project.organization, HOST))
    return claimed(group)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer begins once the one before it is committed; the largest is the first."""
    all_committed = threading.Event()
    all_committed.set()

    def reached(name: str) -> None:
        if name == failpoints.LAYER_BEGINS:
            assert all_committed.wait(10)
        elif name == failpoints.LAYER_STORED:
            all_committed.clear()
        elif name == failpoints.LAYER_COMMITTED:
            all_committed.set()

    monkeypatch.setattr("groups.ingest.layers.MAX_THREADS", 1)
    monkeypatch.setattr("groups.ingest.layers.reached", reached)


@pytest.fixture
def pulled(shared: Project) -> Pulled:
    """Make a group for an image of a registry and run its pull once; return the group as it is then."""

    def pull(
        registry: FakeRegistry, image: str = "team/app:1.0", *, password: str = SECRET, **values: Any
    ) -> ContainerGroup:
        credential = make_credential(shared.organization, registry.host, password=password)
        group = make_group(shared, f"{registry.host}/{image}", credential=credential, **values)
        return again(group)

    return pull


def claimed(group: ContainerGroup) -> Claim:
    """Claim the group's pull, whatever it waits for."""
    Image.objects.filter(pk=group.image_id).update(not_before=None)
    taken = claim(group.image_id)
    assert taken is not None
    return taken


def again(group: ContainerGroup) -> ContainerGroup:
    """Run the group's pull now, whatever it waits for."""
    Image.objects.filter(pk=group.image_id).update(not_before=None)
    jobs.pull(str(group.image_id))
    return ContainerGroup.objects.select_related("image__credential").get(pk=group.pk)


@pytest.fixture
def checked(acme: Organization, woken: list[tuple[str, str]]) -> Checked:
    """Check an image of a registry, with a credential unless the password is empty; return the row as it is then."""

    def run(
        registry: FakeRegistry, image: str = "team/app:1.0", *, password: str = SECRET, **values: Any
    ) -> ImageCheck:
        credential = make_credential(acme, registry.host, password=password, **values) if password else None
        reference = parse(f"{registry.host}/{image}")
        row = start_check(organization_id=acme.pk, reference=reference, credential=credential, by=CONSOLE)
        check.check(row.pk)
        return ImageCheck.objects.select_related("credential").get(pk=row.pk)

    return run


def outcomes(row: ImageCheck) -> dict[str, str]:
    return {line["name"]: line["outcome"] for line in row.steps}
