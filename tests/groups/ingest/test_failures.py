"""How pulls fail: recorded with step and code, the credential gone, nothing left in the store."""

from __future__ import annotations

import errno
import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from groups.models import ContainerGroup, Failure, Image
from portal.models import Project
from registries.credential_rows import empty_credential
from registries.failures import FAILURES
from registries.oci.config import read_config
from tests.groups.ingest.conftest import Pulled, again
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.file_contents import bytes_of
from tests.support.pulls import SECRET, USER, make_credential, make_group, stored_files

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_second_attempt(settings: Settings) -> None:
    settings.PORTAL_PULL_RETRY_SECONDS = 0


def settled_as(group: ContainerGroup, blobs: Path) -> Failure:
    """Check what holds after every failure; return its record."""
    image = group.image
    assert (group.status, image.status, image.lease) == ("failed", "failed", None)
    assert stored_files(blobs) == []
    assert not image.layers.exclude(blob=None).exists()
    failure = Failure.objects.get(group=group)
    if image.credential is not None and image.credential.destroyed_because in {"", "settled"}:
        assert image.credential.is_held == FAILURES[failure.code].keeps_credential
    assert [step["outcome"] for step in failure.trace].count("failed") == 1
    assert [step["name"] for step in failure.trace if step["outcome"] == "failed"] == [failure.step]
    assert failure.trace[-1]["name"] == "destroy"
    return failure


def test_a_wrong_secret(registry: FakeRegistry, pulled: Pulled, blobs: Path) -> None:
    registry.push_image("team/app", "1.0")

    failure = settled_as(pulled(registry, password="wrong-secret-1"), blobs)

    assert (failure.step, failure.code) == ("authenticate", "authentication_failed")
    assert failure.raw.startswith("401")
    assert registry.host in failure.words.text
    assert [seen.secret for seen in registry.seen].count("wrong-secret-1") == (2 if registry.auth == "basic" else 1)


def test_a_repository_that_the_account_may_not_read(registry: FakeRegistry, pulled: Pulled, blobs: Path) -> None:
    registry.push_image("team/app", "1.0")
    registry.grants = {"deploy": {"team/other"}}

    failure = settled_as(pulled(registry), blobs)

    assert failure.code == "access_denied"


def test_credentials_that_fail_on_a_public_image(pulled: Pulled, blobs: Path) -> None:
    with FakeRegistry(auth="bearer", users={USER: SECRET}, public=["team/app"]) as registry:
        registry.push_image("team/app", "1.0")

        failure = settled_as(pulled(registry, password="wrong-secret-1"), blobs)

    assert (failure.step, failure.code) == ("authenticate", "authentication_failed")
    assert failure.params["public"] is True


def test_a_tag_that_does_not_exist(basic_registry: FakeRegistry, pulled: Pulled, blobs: Path) -> None:
    basic_registry.push_image("team/app", "1.0")

    failure = settled_as(pulled(basic_registry, "team/app:2.0"), blobs)

    assert (failure.step, failure.code) == ("manifest", "image_not_found")
    assert failure.params["version"] == "2.0"


@pytest.mark.parametrize("index", [False, True])
def test_an_image_for_another_platform(basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, index: bool) -> None:
    basic_registry.push_image("team/app", "1.0", platform="linux/arm64", index=index)

    failure = settled_as(pulled(basic_registry), blobs)

    assert (failure.step, failure.code) == ("platform", "platform_missing")
    assert failure.params == {"platform": "linux/amd64", "offered": "linux/arm64"}


def test_an_image_that_is_too_large_is_refused_before_any_blob(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, settings: Settings
) -> None:
    settings.PORTAL_MAX_IMAGE_BYTES = 1000
    basic_registry.push_image("team/app", "1.0", layers=[os.urandom(2000)])

    failure = settled_as(pulled(basic_registry), blobs)

    assert (failure.step, failure.code) == ("size", "image_too_large")
    assert failure.params["limit"] == "1 kB"
    assert basic_registry.requests_to("/blobs/") == []


def test_a_registry_that_is_not_there(pulled: Pulled, blobs: Path) -> None:
    with FakeRegistry() as gone:
        pass

    failure = settled_as(pulled(gone), blobs)

    assert (failure.step, failure.code) == ("connect", "registry_unreachable")


def test_the_credential_stays_sealed_while_nobody_answers(pulled: Pulled) -> None:
    with FakeRegistry() as gone:
        pass

    credential = pulled(gone).image.credential

    assert credential is not None
    assert credential.used_count == 0


def test_a_layer_that_is_not_what_it_says(basic_registry: FakeRegistry, pulled: Pulled, blobs: Path) -> None:
    pushed = basic_registry.push_image("team/app", "1.0", layers=[b"one", b"two"])
    basic_registry.fault(pushed.layer_digests[1], corrupt=True)

    failure = settled_as(pulled(basic_registry), blobs)

    assert (failure.step, failure.code) == ("layers", "digest_mismatch")


def test_a_storage_that_takes_nothing(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, settings: Settings
) -> None:
    basic_registry.push_image("team/app", "1.0")
    blobs.write_text("a file where the folder should be")

    group = pulled(basic_registry)
    blobs.unlink()
    failure = settled_as(group, blobs)

    assert (failure.step, failure.code) == ("layers", "store_failed")


def test_a_disk_that_is_full(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def write(file: int, data: memoryview) -> int:
        nonlocal written
        if written > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = really(file, data[:50_000])
        written += taken
        return taken

    basic_registry.push_image("team/app", "1.0", layers=[make_layer({"a": os.urandom(1_000_000)})])
    really = os.write
    monkeypatch.setattr("groups.storage.blob_files.os.write", write)

    group = pulled(basic_registry)
    monkeypatch.undo()
    failure = settled_as(group, blobs)

    assert (failure.step, failure.code, failure.raw) == ("layers", "store_failed", "ENOSPC")


def test_a_credential_for_another_host_is_shown_to_nobody(
    basic_registry: FakeRegistry, shared: Project, blobs: Path
) -> None:
    basic_registry.push_image("team/app", "1.0")
    credential = make_credential(shared.organization, "registry.example.com")
    group = make_group(shared, f"{basic_registry.host}/team/app:1.0", credential=credential)

    failure = settled_as(again(group), blobs)

    assert (failure.step, failure.code) == ("authenticate", "credential_tampered")
    assert not [seen for seen in basic_registry.seen if seen.secret]


def test_a_credential_that_was_destroyed_before_the_pull(
    basic_registry: FakeRegistry, shared: Project, blobs: Path
) -> None:
    credential = make_credential(shared.organization, basic_registry.host)
    group = make_group(shared, f"{basic_registry.host}/team/app:1.0", credential=credential)
    empty_credential(credential.pk, reason="removed")

    failure = settled_as(again(group), blobs)

    assert (failure.step, failure.code) == ("authenticate", "credential_expired")
    assert "a member removed it" in failure.trace[-1]["detail"]


def test_a_credential_whose_time_is_over_is_not_used(
    basic_registry: FakeRegistry, shared: Project, blobs: Path
) -> None:
    credential = make_credential(shared.organization, basic_registry.host)
    group = make_group(shared, f"{basic_registry.host}/team/app:1.0", credential=credential)
    type(credential).objects.update(deadline=timezone.now() - timedelta(seconds=1))

    assert settled_as(again(group), blobs).code == "credential_expired"


def test_what_nobody_foresaw_is_recorded_and_logged_without_its_words(
    basic_registry: FakeRegistry,
    pulled: Pulled,
    blobs: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def boom(*arguments: object) -> None:
        raise ZeroDivisionError(SECRET)

    basic_registry.push_image("team/app", "1.0")
    monkeypatch.setattr("groups.ingest.platform_choice.read_config", boom)

    failure = settled_as(pulled(basic_registry), blobs)

    assert (failure.step, failure.code) == ("platform", "unexpected")
    entry = next(record.getMessage() for record in caplog.records if failure.raw in record.getMessage())
    assert "'pull_unexpected'" in entry
    assert "ZeroDivisionError" in entry
    assert SECRET not in caplog.text


def test_a_pull_that_another_worker_has_is_left_to_it(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*arguments: object) -> object:
        Image.objects.update(lease=uuid.uuid4())
        return really(*arguments)

    basic_registry.push_image("team/app", "1.0")
    really: Any = read_config
    monkeypatch.setattr("groups.ingest.platform_choice.read_config", taken)

    with capture_logs() as entries:
        image = pulled(basic_registry).image

    assert (image.status, image.attempt, Failure.objects.count()) == ("pulling", 1, 0)
    assert [entry["event"] for entry in entries] == ["claim_lost"]
    assert stored_files(blobs) == []


def everything_stored() -> bytes:
    """Every row of every table, and with SQLite what its files still hold of older ones."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [
                b"".join(bytes(v) if isinstance(v, memoryview) else str(v).encode() for v in row) for row in cursor
            ]
    stored = b"".join(rows)
    if connection.vendor == "sqlite":
        connection.close()
        database = Path(connection.settings_dict["NAME"])
        stored += bytes_of(*database.parent.glob(f"{database.name}*"))
    return stored


@pytest.mark.parametrize("knobs", [{"auth": "basic"}, {"auth": "bearer"}])
@pytest.mark.parametrize("password", [SECRET, "wrong-secret-1"])
def test_the_secret_is_in_no_row_and_no_log(
    shared: Project,
    pulled: Pulled,
    knobs: dict[str, Any],
    password: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    with FakeRegistry(users={"deploy": SECRET}, **knobs) as registry:
        registry.push_image("team/app", "1.0")
        pulled(registry, password=password)

    stored = everything_stored()
    assert b"team/app" in stored
    assert password.encode() not in stored
    output = capfd.readouterr()
    for text in (caplog.text, output.out, output.err):
        assert password not in text
