"""Which addresses a webhook can have. Pages and the API accept the same."""

from __future__ import annotations

from urllib.parse import urlsplit

from registries.foundation.address_mask import HIDDEN_PART
from registries.foundation.refusal import Refusal
from registries.hosts import Purpose, may_connect, opened_networks
from registries.oci import location
from registries.oci.opened_networks import Scheme
from registries.oci.reference import ReferenceInvalid, parse_host

_NOT_IN_ADDRESSES = frozenset('"<>\\^`{|}')
_FORM = "This is not an address. Write it as https://host/path."


class AddressRefused(Refusal):
    """Messages can't be sent to this address; the message names the fix."""

    code = "invalid"
    title = "This address can't be used"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message, field="address")


def check_address(text: str) -> str:
    """Return the address without blanks at its ends. Looks up no name, which only workers do: they check the address
    that they connect to. Raises AddressRefused."""
    address = text.strip()
    if HIDDEN_PART in address:
        raise AddressRefused("Enter the whole address: the parts of it that are secret are not shown.")
    if set(address) & _NOT_IN_ADDRESSES:
        raise AddressRefused(_FORM)
    if not address.isascii() or not address.isprintable() or " " in address:
        raise AddressRefused(
            "Write the address in plain characters, without blanks. A host name in another script begins with xn--."
        )
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise AddressRefused(_FORM) from None
    plain = parts.scheme == "http"
    if parts.scheme != "https" and not (plain and _is_plain_open()):
        raise AddressRefused("It has to begin with https://.")
    if "@" in parts.netloc:
        raise AddressRefused("Leave user name and password out: the signature shows who sends.")
    if not parts.hostname or parts.fragment:
        raise AddressRefused(_FORM)
    default = 80 if plain else 443
    if not may_connect(parts.hostname, default if port is None else port, purpose=Purpose.WEBHOOK, plain=plain):
        raise AddressRefused(
            "The portal may not connect to this host or port. Use a public host name, with port 443 or one above 1023; "
            "an operator can open a private network for webhooks."
        )
    try:
        parse_host(location.read(address).authority)
    except (location.LocationInvalid, ReferenceInvalid):
        raise AddressRefused(_FORM) from None
    return address


def _is_plain_open() -> bool:
    """Whether the operator opened any network for unencrypted webhooks."""
    return any(entry.scheme is Scheme.PLAIN for entry in opened_networks(Purpose.WEBHOOK))
