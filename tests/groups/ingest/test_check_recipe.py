"""A check's limits and what it keeps of what it found, with a registry that answers at once. The figures are written
down here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from groups.ingest import registry_access
from groups.ingest.check import check
from groups.ingest.check_steps import CheckSteps
from groups.models import ImageCheck
from groups.rules.states import Stale
from portal.models import Organization
from registries.failures import AccessDenied, ImageNotFound, RegistryResponse, RegistryUnreachable
from registries.oci.manifest import Index, Manifest
from registries.oci.timeouts import Timeouts
from tests.groups.ingest.conftest import HOST, outcomes
from tests.support.manifests import config_of, layer, manifest
from tests.support.quotas import set_quota


class Client:
    """Replaces the registry's client; `fails` are the errors of its methods."""

    listed: Manifest
    fails: dict[str, Exception]
    names: list[str]
    timeouts: list[Timeouts]
    index: Index | None = None
    over_tls = True
    limits = None

    def __init__(self, host: str, *, timeouts: Timeouts, **options: Any) -> None:
        self.timeouts.append(timeouts)

    def resolve(self) -> None:
        self._do("resolve")

    def connect(self, repository: str = "", version: str = "") -> None:
        self._do("connect")

    def authenticate(self, repository: str, version: str = "") -> None:
        self._do("authenticate")

    def fetch_manifest(self, repository: str, version: str) -> Manifest | Index:
        self._do("fetch_manifest")
        return self.index or self.listed

    def pick(self, repository: str, document: Manifest | Index, platform: Any) -> Manifest:
        return self.listed

    def config(self, repository: str, listed: Manifest) -> bytes:
        return b""

    def check_outside(self, repository: str, listed: Manifest) -> None:
        self._do("check_outside")

    def tags(self, repository: str) -> list[str]:
        self._do("tags")
        return self.names

    def _do(self, name: str) -> None:
        if name in self.fails:
            raise self.fails[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is open."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    class Mine(Client):
        listed, fails, names, timeouts = manifest(layer(1, 60), layer(2, 40)), {}, [], []

    monkeypatch.setattr(registry_access, "RegistryClient", Mine)
    monkeypatch.setattr("groups.ingest.platform_choice.read_config", lambda raw, listed, platform: config_of(listed))
    return Mine


def queued(organization: Organization) -> ImageCheck:
    return ImageCheck.objects.create(
        organization=organization,
        reference=f"{HOST}/team/app:1.0",
        registry=HOST,
        repository="team/app",
        version="1.0",
        platform="linux/amd64",
        expires_at=timezone.now() + timedelta(minutes=5),
    )


def checked(organization: Organization) -> ImageCheck:
    row = queued(organization)
    check(row.pk)
    row.refresh_from_db()
    return row


def test_it_is_done_within_two_and_a_half_minutes_and_waits_less_than_a_pull(
    acme: Organization, client: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []
    monkeypatch.setattr(
        client,
        "resolve",
        lambda self: left.append((ImageCheck.objects.get().expires_at - timezone.now()).total_seconds()),
    )

    row = checked(acme)

    assert row.status == "done"
    assert row.settled_at is not None
    assert left == [pytest.approx(150, abs=10)]
    assert set(client.timeouts) == {Timeouts(connect=10.0, read=15.0, head=20.0, document=30.0)}


def test_what_the_tag_names_and_what_nodes_run_are_kept_apart(acme: Organization, client: type[Client]) -> None:
    client.index = Index(f"sha256:{9:064x}", "application/vnd.oci.image.index.v1+json", (), b"{}")
    row = checked(acme)
    assert (row.digest, row.platform_digest) == (f"sha256:{9:064x}", client.listed.digest)


@pytest.mark.parametrize("status", ["running", "done", "failed"])
def test_only_a_queued_check_is_carried_out(acme: Organization, client: type[Client], status: str) -> None:
    row = queued(acme)
    ImageCheck.objects.update(status=status)
    check(row.pk)
    assert client.timeouts == []
    assert ImageCheck.objects.get().status == status


def test_the_storage_of_the_organization_is_asked_as_for_a_pull(
    acme: Organization, client: type[Client], mallory: Any
) -> None:
    set_quota(Organization.objects.get(slug="umbrella"), max_stored_bytes=1)
    set_quota(acme, max_stored_bytes=99)
    row = checked(acme)
    assert (row.status, row.code) == ("failed", "storage_quota_reached")
    assert outcomes(row)["size"] == "failed"
    assert (row.size, row.layer_count) == (200, 2)

    set_quota(acme, max_stored_bytes=100)
    assert checked(acme).status == "done"


def test_the_limit_of_an_image_is_to_the_byte(acme: Organization, client: type[Client]) -> None:
    set_quota(acme, max_image_bytes=199)
    row = checked(acme)
    assert (row.code, row.size, row.limit) == ("image_too_large", 200, 199)
    set_quota(acme, max_image_bytes=200)
    row = checked(acme)
    assert (row.status, row.size, row.limit) == ("done", 200, 200)


def test_the_five_largest_layers_are_shown_once_each_with_their_lines(acme: Organization, client: type[Client]) -> None:
    sizes = [3, 9, 1, 7, 5, 8, 9]
    layers = [layer(number, size) for number, size in enumerate(sizes)]
    client.listed = manifest(*layers, layers[1])

    row = checked(acme)

    assert [(shown["size"], shown["created_by"]) for shown in row.layers] == [
        (9, "COPY layer-7 /"),
        (9, "COPY layer-6 /"),
        (8, "COPY layer-5 /"),
        (7, "COPY layer-3 /"),
        (5, "COPY layer-4 /"),
    ]
    assert row.layer_count == 8


def test_of_two_that_wait_the_named_one_is_carried_out(acme: Organization, client: type[Client]) -> None:
    first, second, third = queued(acme), queued(acme), queued(acme)

    check(second.pk)

    status_of = dict(ImageCheck.objects.values_list("pk", "status"))
    assert status_of == {first.pk: "queued", second.pk: "done", third.pk: "queued"}


def test_a_check_that_was_ended_by_someone_else_is_no_error(
    acme: Organization, client: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = {"status": "failed", "code": "interrupted"}
    monkeypatch.setattr(client, "resolve", lambda self: ImageCheck.objects.update(**ended))

    with capture_logs() as entries:
        row = checked(acme)

    assert (row.status, row.code) == ("failed", "interrupted")
    assert entries == []


def test_two_hundred_tags_the_highest_versions_first(acme: Organization, client: type[Client]) -> None:
    client.names = ["1.9", "latest", "0.5", "1.10", "v2", "1.10-rc1", "alpine", "10", "1.10.0"]
    assert checked(acme).tags == ["latest", "10", "1.10.0", "1.10-rc1", "1.10", "1.9", "0.5", "v2", "alpine"]

    client.names = [f"1.{number}" for number in range(201)]
    tags = checked(acme).tags
    assert (len(tags), tags[0], tags[-1]) == (200, "1.200", "1.1")


def test_tags_are_named_where_the_image_is_missing_and_are_no_reason_to_fail(
    acme: Organization, client: type[Client]
) -> None:
    client.names = ["1.0"]
    client.fails = {"fetch_manifest": ImageNotFound(host=HOST, repository="team/app", version="1.0")}
    row = checked(acme)
    assert (row.code, row.tags) == ("image_not_found", ["1.0"])

    client.fails = {"tags": AccessDenied(host=HOST, repository="team/app")}
    row = checked(acme)
    assert (row.status, row.tags) == ("done", [])


def test_a_host_that_answers_is_connected_even_if_it_is_no_registry(acme: Organization, client: type[Client]) -> None:
    failure = RegistryUnreachable(host=HOST, reason="it is no registry")
    client.fails = {"connect": failure}
    assert outcomes(checked(acme)) == {"resolve": "ok", "connect": "failed"}

    failure.response = RegistryResponse(stage="ping", status=404)
    row = checked(acme)
    assert outcomes(row) == {"resolve": "ok", "connect": "ok", "ping": "failed"}
    assert row.steps[1]["detail"] == f"{HOST} answers"


class TestSteps:
    @pytest.fixture
    def running(self, acme: Organization) -> ImageCheck:
        row = queued(acme)
        ImageCheck.objects.update(status="running")
        row.refresh_from_db()
        return row

    def test_no_step_begins_after_ninety_seconds(self, running: ImageCheck, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [1000.0]
        monkeypatch.setattr("groups.ingest.check_steps.time.monotonic", lambda: now[0])
        steps = CheckSteps(running)
        now[0] += 90
        with steps.step(ImageCheck.Step.RESOLVE) as note:
            now[0] += 1.234
            note.detail = "x" * 400
        with pytest.raises(RegistryUnreachable) as late, steps.step(ImageCheck.Step.CONNECT):
            pytest.fail("it began")
        assert (late.value.params["host"], late.value.raw) == (HOST, "deadline")

        running.refresh_from_db()
        first, second = running.steps
        assert (first["name"], first["outcome"], first["seconds"], len(first["detail"])) == ("resolve", "ok", 1.23, 300)
        assert (second["name"], second["outcome"], second["seconds"]) == ("connect", "running", None)

    def test_what_was_found_is_written_with_the_next_step(self, running: ImageCheck, acme: Organization) -> None:
        other = queued(acme)
        ImageCheck.objects.filter(pk=other.pk).update(status="running")
        steps = CheckSteps(running)
        steps.found["digest"] = "sha256:1"
        with steps.step(ImageCheck.Step.MANIFEST):
            running.refresh_from_db()
            assert running.digest == "sha256:1"
            assert [line["outcome"] for line in running.steps] == ["running"]
            steps.found["size"] = 5
        running.refresh_from_db()
        other.refresh_from_db()
        assert running.size == 5
        assert (other.steps, other.digest, other.size) == ([], "", None)

    def test_once_it_is_over_nothing_more_is_written(self, running: ImageCheck) -> None:
        steps = CheckSteps(running)
        with pytest.raises(Stale), steps.step(ImageCheck.Step.RESOLVE):
            ImageCheck.objects.update(status="failed", code="interrupted")
        for write in (steps.finish, lambda: steps.fail(AccessDenied(host=HOST, repository="team/app"))):
            with pytest.raises(Stale):
                write()
        row = ImageCheck.objects.get()
        assert (row.status, row.code, row.settled_at) == ("failed", "interrupted", None)
        assert [line["outcome"] for line in row.steps] == ["running"]

    def test_a_failure_is_that_of_the_step_that_ran(self, running: ImageCheck) -> None:
        steps = CheckSteps(running)
        with steps.step(ImageCheck.Step.RESOLVE):
            pass
        failure = AccessDenied(raw="403", host=HOST, repository="team/app", public=1)
        with pytest.raises(AccessDenied), steps.step(ImageCheck.Step.CONNECT):
            raise failure
        steps.fail(failure)

        row = ImageCheck.objects.get()
        assert outcomes(row) == {"resolve": "ok", "connect": "failed"}
        title = "The credentials may not read this repository"
        assert (row.steps[1]["detail"], row.steps[1]["raw"]) == (title, "403")
        assert (row.status, row.code, row.raw, row.public) == ("failed", "access_denied", "403", True)
        assert row.params == {"host": HOST, "repository": "team/app"}
        assert row.settled_at is not None
