"""registry.k8s.io: the images of Kubernetes, public. It redirects to mirrors near whoever asks (its own docs)."""

from __future__ import annotations

from registries.providers.base import Provider, Section

KUBERNETES = Provider(
    kind="kubernetes",
    name="Kubernetes",
    called="Kubernetes' registry",
    section=Section.PUBLIC,
    mark="K8s",
    hosts=(r"registry\.k8s\.io", r"k8s\.gcr\.io"),
    host="registry.k8s.io",
    fields=(),
    guide="registries/guides/kubernetes.html",
    hints={
        "authentication_failed": "Images here need no credential. Check the name.",
        "access_denied": "Images here need no credential. Check the name: registry.k8s.io/pause, for example.",
        "image_not_found": "Check name and tag. Images of k8s.gcr.io have moved to registry.k8s.io.",
        "rate_limited": "The project limits how often an address, ours, pulls. It works again after a while.",
        "registry_unreachable": "Try again; its mirrors change. status.cloud.google.com tells of outages behind it.",
    },
)
