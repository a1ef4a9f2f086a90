"""The names that containers/ocicrypt and stock clients know, written down once more."""

from __future__ import annotations

from groups.delivery import media_types

OCI, DOCKER = "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"


def test_layers_have_ocis_type_of_the_same_compression() -> None:
    expected = {
        OCI: "application/vnd.oci.image.layer.v1.tar",
        f"{OCI}+gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
        f"{OCI}+zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
        f"{OCI}+bzip2": "application/vnd.oci.image.layer.v1.tar+bzip2",
        f"{OCI}+xz": "application/vnd.oci.image.layer.v1.tar+xz",
        DOCKER: "application/vnd.oci.image.layer.v1.tar",
        f"{DOCKER}.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
        f"{DOCKER}.zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
    }
    assert expected == media_types.OCI_LAYERS


def test_names_are_those_that_clients_know() -> None:
    assert media_types.MANIFEST == "application/vnd.oci.image.manifest.v1+json"
    assert media_types.CONFIG == "application/vnd.oci.image.config.v1+json"
    assert media_types.ENCRYPTED == "+encrypted"
    assert media_types.CIPHER == "AES_256_CTR_HMAC_SHA256"
    assert media_types.PUBLIC_OPTIONS == "org.opencontainers.image.enc.pubopts"
    assert media_types.WRAPPED_KEYS == "org.opencontainers.image.enc.keys.jwe"
