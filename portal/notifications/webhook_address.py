"""Which addresses a webhook can have. Pages and the API accept the same."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from registries.foundation.address_mask import HIDDEN_PART
from registries.foundation.refusal import Refusal
from registries.hosts import check_host
from registries.oci.reference import ReferenceInvalid


class AddressRefused(Refusal):
    """Messages can't be sent to this address; the message names the fix."""

    code = "invalid"
    title = "This address can't be used"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message, field="address")


def check_address(text: str) -> str:
    """Return the address without blanks at its ends. Looks up no name, which only workers do. Raises AddressRefused."""
    address = text.strip()
    if HIDDEN_PART in address:
        raise AddressRefused("Enter the whole address: the parts of it that are secret are not shown.")
    if not address.isascii() or not address.isprintable() or " " in address:
        raise AddressRefused("Write the address in plain characters, without blanks.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise AddressRefused("This is not an address. Write it as https://host/path.") from None
    plain_allowed = bool(settings.PORTAL_REGISTRY_ALLOW_NETWORKS)
    if parts.scheme != "https" and not (plain_allowed and parts.scheme == "http"):
        raise AddressRefused("It has to begin with https://.")
    if parts.username or parts.password:
        raise AddressRefused("Leave user name and password out: the signature shows who sends.")
    if not parts.hostname or parts.fragment:
        raise AddressRefused("This is not an address. Write it as https://host/path.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    try:
        check_host(host if port is None else f"{host}:{port}")
    except ReferenceInvalid:
        raise AddressRefused(
            "The portal may not connect to this host or port. Use a public host name, with port 443 or one above 1023."
        ) from None
    return address
