"""Rows of an older portal come through the migrations as they should."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from registries.oci.platform import Platform
from tests.support.pull_queue import add_pull, make_organizations

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
BEFORE_QUOTAS = [("groups", "0014_failure_without_case"), ("portal", "0013_failure_case")]


@pytest.fixture
def before_blobs() -> Iterator[Any]:
    """The models as they were when layers held their own keys; the newest schema again afterwards."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate([("groups", "0003_image_check")])
    yield executor.loader.project_state([("groups", "0003_image_check"), ("portal", "0001_initial")]).apps
    MigrationExecutor(connection).migrate(newest)


def test_what_layers_held_is_in_blobs_now(before_blobs: Any) -> None:
    model = before_blobs.get_model
    organization = model("portal", "Organization").objects.create(slug="acme", name="Acme")
    image = model("groups", "Image").objects.create(
        organization=organization, reference="r.example/a:1", registry="r.example", retry_until=timezone.now()
    )
    kept = {
        "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
        "size": 7,
        "received": 7,
        "committed_at": timezone.now(),
        "cipher_digest": "sha256:c",
        "hmac": b"h",
        "nonce": b"n",
        "wrapped_key": b"w",
    }
    layers = model("groups", "Layer").objects
    for position, name in enumerate(["o/ab/one", "o/cd/two", "o/ab/one"]):
        layers.create(image=image, position=position, digest=f"sha256:{name}", object_name=name, **kept)
    layers.create(image=image, position=3, digest="sha256:to come", size=7, media_type="m")

    MigrationExecutor(connection).migrate([("groups", "0006_image_handed_over")])

    from groups.models import Blob

    with connection.cursor() as cursor:
        cursor.execute("SELECT position, blob_id FROM groups_layer ORDER BY position")
        by_position = dict(cursor.fetchall())
    assert by_position[0] == by_position[2] is not None
    assert by_position[3] is None
    one = Blob.objects.get(pk=by_position[0])
    assert (one.name, one.registry, one.organization_id) == ("o/ab/one", "r.example", organization.pk)
    assert (one.source_digest, one.source_size, one.digest, one.size) == ("sha256:o/ab/one", 7, "sha256:o/ab/one", 7)
    assert (one.cipher_digest, bytes(one.hmac), bytes(one.nonce), bytes(one.wrapped_key)) == (
        "sha256:c", b"h", b"n", b"w",
    )  # fmt: skip
    assert (one.unused_since, one.stored_at) == (None, kept["committed_at"])
    assert Blob.objects.count() == 2

    MigrationExecutor(connection).migrate([("groups", "0004_blob")])
    MigrationExecutor(connection).migrate([("groups", "0003_image_check")])
    assert list(layers.order_by("position").values_list("object_name", "cipher_digest")) == [
        ("o/ab/one", "sha256:c"), ("o/cd/two", "sha256:c"), ("o/ab/one", "sha256:c"), ("", ""),
    ]  # fmt: skip


@pytest.fixture
def before_quotas() -> Iterator[Any]:
    """The models as they were when limits and suspension were columns of the organization; the newest schema again
    afterwards."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate(BEFORE_QUOTAS)
    yield executor.loader.project_state(BEFORE_QUOTAS).apps.get_model
    MigrationExecutor(connection).migrate(newest)


def test_limits_and_suspension_move_to_quotas_and_back(before_quotas: Any) -> None:
    organizations = before_quotas("portal", "Organization").objects
    limited = {
        "max_groups": 3,
        "max_replicas": 5,
        "max_stored_bytes": 10**12,
        "max_pulls": 1,
        "max_image_bytes": 20_000_000_000,
        "suspended_at": timezone.now(),
        "suspended_because": "Unpaid.",
    }
    acme = organizations.create(slug="acme", name="Acme", **limited)
    umbrella = organizations.create(slug="umbrella", name="Umbrella")

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    from groups.models import Quota

    assert Quota.objects.filter(pk=acme.pk).values(*limited).get() == limited
    empty = dict.fromkeys(limited) | {"suspended_because": ""}
    assert Quota.objects.filter(pk=umbrella.pk).values(*limited).get() == empty

    changed = limited | {"max_groups": 4}
    Quota.objects.filter(pk=acme.pk).update(max_groups=4)
    MigrationExecutor(connection).migrate(BEFORE_QUOTAS)
    assert organizations.filter(pk=acme.pk).values(*limited).get() == changed
    assert organizations.filter(pk=umbrella.pk).values(*limited).get() == empty


@pytest.mark.parametrize(("before", "now"), [
    ("linux/amd64", "linux/amd64"),
    ("linux/amd64/v1", "linux/amd64"),
    ("linux/amd64/v3", "linux/amd64/v3"),
    ("linux/arm64/v8", "linux/arm64"),
    ("linux/arm", "linux/arm/v7"),
    ("linux/arm/v6", "linux/arm/v6"),
])  # fmt: skip
def test_platforms_get_the_spelling_that_nodes_are_compared_by(before: str, now: str) -> None:
    """What an operator wrote in PORTAL_PLATFORM was stored as it was."""
    image = add_pull(make_organizations(["acme"])["acme"], platform=before)

    import_module("groups.migrations.0026_platforms_of_nodes").respell(apps, None)

    image.refresh_from_db()
    assert image.platform == now == str(Platform.parse(before))
