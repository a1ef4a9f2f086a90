"""Media types and annotations of an encrypted OCI image, as containers/ocicrypt and the stock clients name them."""

from __future__ import annotations

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ENCRYPTED = "+encrypted"
CIPHER = "AES_256_CTR_HMAC_SHA256"
PUBLIC_OPTIONS = "org.opencontainers.image.enc.pubopts"
WRAPPED_KEYS = "org.opencontainers.image.enc.keys.jwe"

# Media types of layers at their source → in OCI.
OCI_LAYERS = {
    LAYER: LAYER,
    f"{LAYER}+gzip": f"{LAYER}+gzip",
    f"{LAYER}+zstd": f"{LAYER}+zstd",
    # No specification has these two. Docker and podman unpack them, containerd does not.
    f"{LAYER}+bzip2": f"{LAYER}+bzip2",
    f"{LAYER}+xz": f"{LAYER}+xz",
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": f"{LAYER}+zstd",
}
