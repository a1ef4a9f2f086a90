"""What counts towards a limit, up to the last one that fits, beside an organization that is full."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db import connection

from groups.actions import lifecycle
from groups.failures import StorageQuotaReached
from groups.models import Blob, Image, Layer, Quota
from groups.rules import quotas
from registries.foundation.actor import CONSOLE
from registries.oci.manifest import Descriptor, Manifest
from tests.support.pulls import make_blob, make_group
from tests.support.quotas import quota_row, set_quota

IMAGE = "registry.example.com/team/app:1"
KB = 1000


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def manifest(*layers: tuple[int, int]) -> Manifest:
    """An image with these layers, as (number, bytes)."""
    descriptors = tuple(Descriptor("layer", digest(number), size) for number, size in layers)
    return Manifest(digest(0), "manifest", Descriptor("config", digest(99), 500 * KB), descriptors, b"{}")


def pull(project: Any, name: str, *layers: tuple[int, int], status: str = "pulling") -> Image:
    """A pull that has reserved these layers, as (number, bytes), and stored none."""
    image = make_group(project, IMAGE, name=name).image
    Image.objects.filter(pk=image.pk).update(status=status, lease=uuid.uuid4())
    reserve(image, layers)
    return image


def reserve(image: Image, layers: Iterable[tuple[int, int]]) -> None:
    Layer.objects.bulk_create(
        Layer(image=image, position=position, media_type="layer", digest=digest(number), size=size)
        for position, (number, size) in enumerate(layers)
    )


def store(organization: Any, number: int, size: int, **values: Any) -> Blob:
    return make_blob(organization, source_digest=digest(number), source_size=size, size=size, **values)


@pytest.fixture
def full(mallory: Any) -> Any:
    """Another organization, which has reached each of its limits."""
    umbrella = mallory.organizations.get()
    project = umbrella.projects.get()
    for name, status in (("pulling", "pulling"), ("pulling-too", "pulling"), ("queued", "queued")):
        pull(project, name, (1, 700 * KB), status=status)
    store(umbrella, 1, 900 * KB)
    set_quota(umbrella, max_groups=3, max_replicas=3, max_pulls=2, max_stored_bytes=1)
    return umbrella


def test_usage_is_of_one_organization(acme: Any, project: Any, full: Any) -> None:
    pull(project, "one", (1, 10))
    make_group(project, IMAGE, name="two", replicas=4)
    store(acme, 1, 30)
    store(acme, 2, 500, unused_since="2026-01-01T00:00:00Z")

    assert quotas.usage(acme.pk) == quotas.Usage(groups=2, replicas=5, stored_bytes=30, pulls=1)
    assert quotas.usage(full.pk) == quotas.Usage(groups=3, replicas=3, stored_bytes=900 * KB, pulls=2)


def test_the_last_group_fits_and_the_next_does_not(acme: Any, project: Any, full: Any) -> None:
    set_quota(acme, max_groups=2, max_replicas=2)
    make_group(project, IMAGE, name="one", replicas=2)
    set_quota(acme, max_replicas=5)
    make_group(project, IMAGE, name="two", replicas=3)
    with pytest.raises(quotas.GroupQuotaReached, match="has 2 container groups and may have 2"):
        make_group(project, IMAGE, name="three", replicas=0)

    set_quota(acme, max_groups=3)
    with pytest.raises(quotas.ReplicaQuotaReached, match="5 replicas together and may have 5; 1 more"):
        make_group(project, IMAGE, name="three")
    make_group(project, IMAGE, name="three", replicas=0)

    set_quota(full, max_groups=0)
    with pytest.raises(quotas.GroupQuotaReached):
        make_group(full.projects.get(), IMAGE, name="four", replicas=0)


def test_replicas_grow_up_to_the_limit_and_may_always_shrink(acme: Any, project: Any, full: Any) -> None:
    group = make_group(project, IMAGE, name="one", replicas=2)
    make_group(project, IMAGE, name="two", replicas=3)
    set_quota(acme, max_replicas=7)

    assert lifecycle.scale(group, 4, by=CONSOLE).replicas == 4
    with pytest.raises(quotas.ReplicaQuotaReached, match="7 replicas together and may have 7; 1 more"):
        lifecycle.scale(group, 5, by=CONSOLE)
    group.refresh_from_db()
    assert group.replicas == 4

    set_quota(acme, max_replicas=0)
    assert lifecycle.scale(group, 4, by=CONSOLE).replicas == 4
    assert lifecycle.scale(group, 3, by=CONSOLE).replicas == 3
    make_group(project, IMAGE, name="three", replicas=0)
    with pytest.raises(quotas.ReplicaQuotaReached, match="6 replicas together and may have 0; 1 more"):
        make_group(project, IMAGE, name="four")


def test_pulls_fit_up_to_the_limit(acme: Any, project: Any, full: Any) -> None:
    set_quota(acme, max_pulls=2)
    pull(project, "waits", status="queued")
    pull(project, "done", status="ready")
    for name in ("one", "two"):
        assert quotas.has_room_for_pull(quota_row(acme))
        pull(project, name)

    assert not quotas.has_room_for_pull(quota_row(acme))
    assert not quotas.has_room_for_pull(quota_row(full))
    set_quota(acme, max_pulls=3)
    assert quotas.has_room_for_pull(quota_row(acme))
    assert quotas.has_room_for_pull(Quota(organization_id=acme.pk)), "no limit"


class TestStorage:
    """The limit is 1 MB. `fits` says whether an image of that many kB still does."""

    @pytest.fixture(autouse=True)
    def limit(self, acme: Any, full: Any) -> None:
        set_quota(acme, max_stored_bytes=1000 * KB)

    def refused(self, acme: Any, image: Manifest, **options: Any) -> bool:
        try:
            quotas.allow_storing(quota_row(acme), image, **options)
        except StorageQuotaReached:
            return True
        return False

    def room(self, acme: Any, kilobytes: int, **options: Any) -> None:
        """An image of this size fits, and none that has a byte more."""
        assert not self.refused(acme, manifest((50, kilobytes * KB)), **options)
        assert self.refused(acme, manifest((50, kilobytes * KB + 1)), **options)

    def test_an_empty_store(self, acme: Any) -> None:
        self.room(acme, 1000)

    def test_layers_are_added_up_and_one_that_is_listed_twice_is_stored_once(self, acme: Any) -> None:
        assert not self.refused(acme, manifest((50, 400 * KB), (51, 600 * KB), (50, 400 * KB)))
        assert self.refused(acme, manifest((50, 400 * KB), (51, 600 * KB + 1), (50, 400 * KB)))

    def test_stored_bytes_count_once_while_a_layer_uses_them(self, acme: Any, project: Any) -> None:
        image = pull(project, "one")
        blob = store(acme, 1, 300 * KB, image=image)
        Layer.objects.create(image=image, position=1, media_type="layer", digest=digest(1), size=300 * KB, blob=blob)
        store(acme, 2, 600 * KB, unused_since="2026-01-01T00:00:00Z")

        self.room(acme, 700)

    def test_what_is_stored_costs_nothing_but_what_another_organization_stored_does(self, acme: Any, full: Any) -> None:
        store(acme, 7, 400 * KB)
        store(full, 8, 700 * KB)

        assert not self.refused(acme, manifest((7, 400 * KB), (50, 600 * KB)))
        assert self.refused(acme, manifest((7, 400 * KB), (50, 600 * KB + 1)))
        assert self.refused(acme, manifest((8, 700 * KB)))

    @pytest.mark.parametrize("status", ["queued", "pulling"])
    def test_other_pulls_have_reserved_theirs(self, acme: Any, project: Any, status: str) -> None:
        pull(project, "one", (1, 100 * KB), (1, 100 * KB), status=status)
        pull(project, "two", (1, 100 * KB), (2, 50 * KB), status=status)

        self.room(acme, 1000 - 100 - 100 - 50)

    def test_a_layer_is_counted_while_it_is_being_stored(self, acme: Any, project: Any) -> None:
        """Whichever statement it comes before: it is reserved, or it is stored."""
        image = pull(project, "other", (2, 600 * KB))
        for statement in range(10):
            Layer.objects.update(blob=None)
            Blob.objects.filter(organization=acme).delete()
            seen = 0

            def store_then(
                execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any, wanted: int = statement
            ) -> Any:
                nonlocal seen
                seen += 1
                if seen == wanted + 1:
                    Layer.objects.filter(image=image).update(blob=store(acme, 2, 600 * KB))
                return execute(sql, params, many, context)

            with connection.execute_wrapper(store_then):
                assert self.refused(acme, manifest((1, 500 * KB)))

    @pytest.mark.parametrize("status", ["ready", "failed"])
    def test_a_pull_that_has_ended_reserves_nothing(self, acme: Any, project: Any, status: str) -> None:
        pull(project, "one", (1, 100 * KB), status=status)

        self.room(acme, 1000)

    def test_ones_own_reservation_is_not_counted_again(self, acme: Any, project: Any) -> None:
        """A second attempt finds what the first reserved and what it stored."""
        own = pull(project, "own", (50, 600 * KB))
        pull(project, "other", (1, 100 * KB))
        store(acme, 2, 200 * KB, image=own)

        self.room(acme, 700, excluding=own)
        assert self.refused(acme, manifest((50, 600 * KB)))

    def test_the_refusal_says_how_much(self, acme: Any, project: Any) -> None:
        store(acme, 1, 300 * KB)
        pull(project, "one", (2, 200 * KB))

        with pytest.raises(StorageQuotaReached) as refused:
            quotas.allow_storing(quota_row(acme), manifest((1, 300 * KB), (3, 600 * KB)))

        assert refused.value.words.text == (
            "This organization stores 500 kB of at most 1 MB, and the image needs 600 kB more."
        )

    def test_without_a_limit_everything_fits(self, acme: Any) -> None:
        set_quota(acme, max_stored_bytes=None)

        assert not self.refused(acme, manifest((50, 10**15)))
