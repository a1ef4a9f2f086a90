"""Reading an image reference as people and programs send it."""

from __future__ import annotations

from registries.forms.paste import is_login_text, read_pasted_image
from registries.hosts import check_host
from registries.oci.reference import Reference, ReferenceInvalid, parse

LOGIN = (
    "This is a login, not an image. Enter the image here, such as registry.example.com/team/app:1.0, and the login as "
    "its credential."
)


def read_reference(text: str) -> Reference:
    """Parse an image reference, or the image in a command, in a line of a file, or behind a web address. Nothing else
    is repaired, and no name is looked up. Raises ReferenceInvalid, with the code `host_not_allowed` if the portal may
    not connect to the host, and with `reference_pasted` if what was pasted doesn't say which image is meant.
    """
    pasted = read_pasted_image(text)
    if pasted is not None and pasted.problem:
        raise ReferenceInvalid("reference_pasted", pasted.problem)
    if pasted is None and is_login_text(text):
        raise ReferenceInvalid("reference_pasted", LOGIN)
    reference = parse(pasted.image if pasted else text)
    check_host(reference.registry)
    return reference
