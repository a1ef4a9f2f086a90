"""Which issuers can be entered. Nothing is looked up: a worker checks the address that it connects to."""

from __future__ import annotations

from urllib.parse import urlsplit

from registries.foundation.refusal import Refusal
from registries.hosts import Purpose, may_connect, opened_networks
from registries.oci.opened_networks import Scheme


class IssuerRefused(Refusal):
    """This can't be an issuer; the message names the fix."""

    code = "issuer_refused"
    title = "This issuer can't be used"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message, field="issuer")


def check_issuer(issuer: str) -> None:
    """Raise IssuerRefused unless workers might connect to this issuer."""
    try:
        parts = urlsplit(issuer)
        port = parts.port
    except ValueError:
        raise IssuerRefused("This is not an address. Write it as https://host/path.") from None
    is_plain = parts.scheme == "http"
    is_plain_open = any(entry.scheme is Scheme.PLAIN for entry in opened_networks(Purpose.SIGN_IN))
    if parts.scheme != "https" and not (is_plain and is_plain_open):
        raise IssuerRefused("An issuer has to begin with https://.")
    if not issuer.isascii() or not issuer.isprintable() or set(issuer) & set(" \\\"'<>"):
        raise IssuerRefused("Use plain characters without spaces.")
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise IssuerRefused("An issuer has a host and a path, and no user name, query or fragment.")
    default = 80 if is_plain else 443
    if not may_connect(parts.hostname, port or default, purpose=Purpose.SIGN_IN, plain=is_plain):
        raise IssuerRefused(
            "The portal may not connect to this host or port. Use a public host name, with port 443 or one above 1023; "
            "an operator can open a private network for identity providers."
        )
