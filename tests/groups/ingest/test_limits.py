"""Declared sizes are compared with the limit, and the failure names both."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from groups.failures import ImageTooLarge
from groups.ingest import limits
from groups.models import Image
from portal.models import Organization
from registries.failures import UnsupportedManifest
from registries.oci.manifest import Descriptor, Manifest
from tests.support.quotas import set_quota


def manifest(*sizes: int) -> Manifest:
    layers = tuple(
        Descriptor("application/vnd.oci.image.layer.v1.tar", f"sha256:{n:064x}", size) for n, size in enumerate(sizes)
    )
    return Manifest("sha256:0", "m", Descriptor("c", "sha256:c", 100), layers, b"")


def test_what_fits_passes() -> None:
    limits.enforce(manifest(500, 400), 1000)
    assert limits.fits(manifest(500, 400), 1000)
    assert not limits.fits(manifest(500, 401), 1000)
    limits.enforce_bytes(1000, 1000)
    with pytest.raises(ImageTooLarge):
        limits.enforce_bytes(1001, 1000)


def test_one_byte_too_many() -> None:
    with pytest.raises(ImageTooLarge) as caught:
        limits.enforce(manifest(10_000_000_000 - 100, 1), 10_000_000_000)

    assert caught.value.params == {"size": "10.000000001 GB", "limit": "10 GB"}
    assert not limits.fits(manifest(10_000_000_000), 10_000_000_000)


def test_a_layer_that_is_listed_twice_counts_once() -> None:
    one = manifest(800).layers[0]
    limits.enforce(Manifest("sha256:0", "m", Descriptor("c", "sha256:c", 100), (one, one), b""), 1000)


def test_more_layers_than_nodes_can_stack() -> None:
    limits.enforce(manifest(*[1] * 500), 1000)
    with pytest.raises(UnsupportedManifest) as refused:
        limits.enforce(manifest(*[1] * 501), 1000)
    assert refused.value.params["reason"] == "it has 501 layers, of which nodes can stack 500"
    assert refused.value.raw == "layers"
    assert not limits.fits(manifest(*[1] * 501), 1000)


@pytest.mark.parametrize(("own", "cap"), [(None, 1000), (0, 0), (50, 50), (5000, 5000)])
def test_an_organizations_own_cap_goes_both_ways(
    settings: Settings, acme: Organization, own: int | None, cap: int
) -> None:
    settings.PORTAL_MAX_IMAGE_BYTES = 1000
    set_quota(acme, max_image_bytes=own)
    assert limits.max_image_bytes(Image(organization=acme)) == cap
