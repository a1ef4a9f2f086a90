"""Reading an image reference as people and programs send it."""

from __future__ import annotations

from registries.forms.paste import read_image
from registries.hosts import check_host
from registries.oci.reference import Reference, parse


def read_reference(text: str) -> Reference:
    """Parse an image reference, or the image in a pull command or a web address. Nothing else is repaired, and no name
    is looked up. Raises ReferenceInvalid, with the code `host_not_allowed` if the portal may not connect to the host.
    """
    reference = parse(read_image(text) or text)
    check_host(reference.registry)
    return reference
