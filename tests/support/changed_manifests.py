"""The manifest of an image with two layers, and changes to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from registries.oci.manifest import OCI_MANIFEST, Manifest, read_document
from tests.support.fakes.images import as_json, build_image

IMAGE = build_image([b"one", b"two"])
Change = Callable[[dict[str, Any]], object]


def changed(change: Change, raw: bytes = IMAGE.manifest) -> bytes:
    """The document as `change` leaves it."""
    document = json.loads(raw)
    change(document)
    return as_json(document)


def set_in_layer(**items: object) -> Change:
    """A change of the first layer's descriptor."""
    return lambda document: document["layers"][0].update(items)


def read_image(raw: bytes) -> Manifest:
    found = read_document(raw, OCI_MANIFEST)
    assert isinstance(found, Manifest)
    return found
