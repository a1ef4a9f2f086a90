"""How layers are moved: which, in what order, how often a broken transfer is resumed, and what ends them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from groups.failures import ImageTooLarge
from groups.ingest import fenced_writes
from groups.ingest.claim import Claim
from groups.ingest.layers import ResumingReader, pull_layers
from groups.models import Blob, Layer
from groups.rules.states import Stale
from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    DigestMismatch,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryRefuses,
    RegistryUnreachable,
    ResolverFailed,
    TlsInvalid,
    Unexpected,
)
from tests.groups.ingest.conftest import HOST
from tests.support.fakes.layers import Body, Registry, described, pinned
from tests.support.manifests import manifest
from tests.support.pulls import decrypted, stored_files
from tests.support.quotas import set_quota


def whole(reader: ResumingReader) -> bytes:
    read, buffer = b"", memoryview(bytearray(1000))
    while count := reader.readinto(buffer):
        read += bytes(buffer[:count])
    return read


class TestResuming:
    CONTENT = b"0123456789" * 10

    def read(self, *breaks: int) -> Iterator[Any]:
        registry = Registry(self.CONTENT)
        registry.breaks = list(breaks)
        buffer = memoryview(bytearray(1000))
        with ResumingReader(registry.client, "team/app", described(self.CONTENT)) as reader:
            read = b""
            while count := reader.readinto(buffer):
                read += bytes(buffer[:count])
                assert reader.received == len(read)
        assert read == self.CONTENT
        assert all(body.closed for body in registry.bodies)
        return iter([offset for _, offset in registry.asked])

    def test_three_times_from_where_it_broke_off(self) -> None:
        assert list(self.read()) == [0]
        assert list(self.read(1, 50, 99)) == [0, 1, 50, 99]

    def test_not_a_fourth_time(self) -> None:
        with pytest.raises(RegistryUnreachable):
            self.read(10, 20, 30, 40)

    def test_not_where_nothing_came(self) -> None:
        with pytest.raises(RegistryUnreachable):
            self.read(0)

    def test_what_can_not_be_opened_again_counts_like_what_breaks_off(self) -> None:
        """The reconnect is refused where a signed address is over, or a replica has gone away."""
        failures = [
            RegistryUnreachable(host=HOST, reason="x"),
            ImageNotFound(host=HOST),
            RateLimited(host=HOST, retry_after=9),
        ]
        for refused in failures:
            registry = Registry(self.CONTENT)
            registry.breaks, registry.refusals = [10, None], [None, refused]
            pauses: list[float] = []
            with ResumingReader(registry.client, "team/app", described(self.CONTENT), pauses.append) as reader:
                assert whole(reader) == self.CONTENT
            assert [offset for _, offset in registry.asked] == [0, 10, 10]
            assert pauses == [refused.retry_after or 1]

    @pytest.mark.parametrize(
        ("refused", "code"),
        [
            (ImageNotFound(host=HOST, raw="404"), "registry_unreachable"),
            (AccessDenied(host=HOST, repository="team/app", raw="403"), "registry_unreachable"),
            (RegistryRefuses(host=HOST, reply="412", raw="412"), "registry_unreachable"),
            (Unexpected(raw="299"), "registry_unreachable"),
            (ResolverFailed(host=HOST), "resolver_failed"),
            (RateLimited(host=HOST), "rate_limited"),
        ],
        ids=lambda value: getattr(value, "code", ""),
    )
    def test_a_refusal_of_the_rest_is_no_verdict(self, refused: PullFailed, code: str) -> None:
        """kubernetes/registry.k8s.io#333: 400 to a Range read "There is no such image"."""
        registry = Registry(self.CONTENT)
        registry.breaks, registry.refusals = [10], [None, refused, refused, refused]
        pauses: list[float] = []
        with (
            pytest.raises(PullFailed) as failed,
            ResumingReader(registry.client, "team/app", described(self.CONTENT), pauses.append) as reader,
        ):
            whole(reader)
        assert (failed.value.code, failed.value.retryable, failed.value.raw) == (code, True, refused.raw)
        assert failed.value.params.get("host", HOST) == HOST
        assert len(registry.asked) == 4
        assert pauses == [1, 4]

    @pytest.mark.parametrize(
        "refused",
        [AuthenticationFailed(host=HOST), TlsInvalid(host=HOST), RateLimited(host=HOST, retry_after=31)],
        ids=lambda value: str(value.code),
    )
    def test_what_another_request_does_not_change_ends_it(self, refused: PullFailed) -> None:
        registry = Registry(self.CONTENT)
        registry.breaks, registry.refusals = [10], [None, refused]
        pauses: list[float] = []
        with (
            pytest.raises(type(refused)),
            ResumingReader(registry.client, "team/app", described(self.CONTENT), pauses.append) as reader,
        ):
            whole(reader)
        assert (len(registry.asked), pauses) == (2, [])

    def test_not_after_wrong_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def wrong(self: Body, buffer: memoryview) -> int:
            raise DigestMismatch(what="a layer")

        registry = Registry(self.CONTENT)
        monkeypatch.setattr(Body, "readinto", wrong)
        with (
            pytest.raises(DigestMismatch),
            ResumingReader(registry.client, "team/app", described(self.CONTENT)) as reader,
        ):
            reader.readinto(memoryview(bytearray(10)))
        assert len(registry.asked) == 1


def test_the_largest_first_and_each_digest_once(held: Claim, blobs: Path, one_by_one: None) -> None:
    small, large, middle = os.urandom(10), os.urandom(300), os.urandom(20)
    registry = Registry(small, large, middle)
    registry.manifest = manifest(*(described(one) for one in (small, large, middle, small)))

    summary = pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)

    assert registry.asked == [(described(one).digest, 0) for one in (large, middle, small)]
    assert [decrypted(row) for row in held.image.layers.order_by("position")] == [small, large, middle, small]
    assert (summary.kept, summary.reused, summary.compressed) == (0, 0, 0)
    assert held.blobs == set(Blob.objects.values_list("name", flat=True))
    assert all(name.startswith(f"{held.image.organization_id}/") for name in held.blobs)
    assert not registry.aborted.is_set()


def test_what_is_committed_or_stored_already_is_not_pulled(held: Claim, blobs: Path) -> None:
    kept, stored, new = os.urandom(10), os.urandom(20), os.urandom(30)
    registry = Registry(kept, stored, new)
    pull_layers(pinned(held, registry), registry.client, "team/app", manifest(described(stored), described(kept)))
    row = held.image.layers.get(digest=described(stored).digest)
    Layer.objects.filter(pk=row.pk).update(blob=None, committed_at=None)
    registry.asked.clear()

    summary = pull_layers(held, registry.client, "team/app", registry.manifest)

    assert (summary.kept, summary.reused, summary.compressed) == (1, 1, 0)
    assert registry.asked == [(described(new).digest, 0)]
    assert [decrypted(row) for row in held.image.layers.order_by("position")] == [kept, stored, new]


def test_more_bytes_than_the_image_may_have_end_it(held: Claim, blobs: Path) -> None:
    """Whatever the manifest declared."""
    set_quota(held.image.organization, max_image_bytes=99)
    registry = Registry(os.urandom(60), os.urandom(40))
    with pytest.raises(ImageTooLarge):
        pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)
    assert registry.aborted.is_set()

    set_quota(held.image.organization, max_image_bytes=100)
    pull_layers(held, registry.client, "team/app", registry.manifest)


def test_one_failure_ends_all_and_keeps_what_is_committed(held: Claim, blobs: Path, one_by_one: None) -> None:
    first, second = os.urandom(30), os.urandom(20)
    registry = Registry(first, second)
    registry.fails = {described(second).digest: DigestMismatch(what="a layer")}

    with pytest.raises(DigestMismatch):
        pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)

    assert registry.aborted.is_set()
    assert fenced_writes.committed_blobs(held).keys() == {described(first).digest}
    assert held.image.layers.get(committed_at=None).digest == described(second).digest


@pytest.mark.parametrize("when", ["before", "between two pieces"])
def test_a_claim_that_is_lost_ends_all(held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    registry = Registry(os.urandom(100))
    pinned(held, registry)
    really = Body.readinto

    def lose(self: Body | None, buffer: memoryview) -> int:
        held._lost.set()
        return really(self, buffer) if self else 0

    if when == "before":
        lose(None, memoryview(b""))
    monkeypatch.setattr(Body, "readinto", lose)

    with pytest.raises(Stale):
        pull_layers(held, registry.client, "team/app", registry.manifest)

    assert len(registry.asked) == (when != "before")
    assert not Blob.objects.exists()
    assert stored_files(blobs) == []
    assert registry.aborted.is_set()


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads each pool may have, on a machine of five cores."""
    sizes: list[int] = []
    really = ThreadPoolExecutor

    def pool(max_workers: int, **options: Any) -> ThreadPoolExecutor:
        sizes.append(max_workers)
        return really(max_workers, **options)

    monkeypatch.setattr("groups.ingest.layers.ThreadPoolExecutor", pool)
    monkeypatch.setattr("groups.ingest.layers.os.cpu_count", lambda: 5)
    return sizes


@pytest.mark.parametrize(("cores", "threads"), [(1, 2), (2, 2), (3, 3), (8, 8), (9, 8)])
def test_as_many_at_once_as_there_are_cores_from_two_to_eight(
    held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch, pools: list[int], cores: int, threads: int
) -> None:
    monkeypatch.setattr("groups.ingest.layers.os.sched_getaffinity", lambda process: set(range(cores)))
    pull_layers(held, Registry().client, "team/app", manifest())
    assert pools == [threads]


def test_as_many_as_the_machine_has_where_a_process_cannot_be_bound_to_some(
    held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch, pools: list[int]
) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    pull_layers(held, Registry().client, "team/app", manifest())
    assert pools == [5]
