"""What the labels of configs and layers rule out."""

from __future__ import annotations

import pytest

from registries.oci import blob_types

LAYER = "application/vnd.oci.image.layer.v1.tar"


@pytest.mark.parametrize(
    ("media_type", "is_layer", "is_encrypted", "may_be_outside"),
    [
        (LAYER, True, False, False),
        (f"{LAYER}+zstd", True, False, False),
        (f"{LAYER}+{'x' * 20}", True, False, False),
        (f"{LAYER}+{'x' * 21}", False, False, False),
        (f"{LAYER}+gzip+encrypted", False, True, False),
        (f"{LAYER}+encrypted", False, True, False),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", True, False, True),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar", True, False, True),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", True, False, False),
        ("Application/X-Gzip; a=b", True, False, False),
        ("application/vnd.in-toto+json", False, False, False),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", False, False, False),
        ("", False, False, False),
    ],
)
def test_layers(media_type: str, is_layer: bool, is_encrypted: bool, may_be_outside: bool) -> None:
    assert blob_types.is_layer(media_type) is is_layer
    assert blob_types.is_encrypted(media_type) is is_encrypted
    assert blob_types.may_be_outside(media_type) is may_be_outside


def test_configs() -> None:
    """Each is a type that Docker takes (moby/moby#48361), and none is an artifact's."""
    for media_type in (blob_types.OCI_CONFIG, blob_types.DOCKER_CONFIG, "", "text/html", "Application/JSON;x"):
        assert blob_types.is_config(media_type)
    for media_type in ("application/vnd.oci.empty.v1+json", "application/vnd.cncf.helm.config.v1+json", "image/png"):
        assert not blob_types.is_config(media_type)
