"""gcr.io/distroless: base images of the distroless project, public. Other repositories of gcr.io are Google's kind."""

from __future__ import annotations

from registries.providers.base import Provider, Section

DISTROLESS = Provider(
    kind="distroless",
    name="Distroless",
    section=Section.PUBLIC,
    mark="Dls",
    hosts=(r"gcr\.io",),
    repositories=("distroless/",),
    host="gcr.io",
    fields=(),
    guide="registries/guides/distroless.html",
    hints={
        "authentication_failed": "Images of the project need no credential. Check the name: gcr.io/distroless/static.",
        "access_denied": "Images of the project need no credential. Check the name: gcr.io/distroless/static-debian12.",
        "image_not_found": "Names end in the Debian release: gcr.io/distroless/static-debian12. Tags of old releases "
        "are removed.",
        "rate_limited": "Google limits how often an address, ours, pulls. It works again after a while.",
        "registry_unreachable": "status.cloud.google.com tells of outages.",
    },
)
