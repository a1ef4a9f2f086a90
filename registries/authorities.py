"""Certificates of authorities that a member trusts for one registry. They are public and stored unencrypted.

They add to the public authorities and the operator's. Verification is never disabled.
"""

from __future__ import annotations

import ssl

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

MAX_CA_LENGTH = 64 * 1024
"""In bytes."""


class AuthoritiesInvalid(ValueError):
    """A text is not a list of certificates. `message` is one sentence that names the fix and repeats no input."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def read_authorities(text: str) -> str:
    """Return only the certificates of a PEM text; an empty string for an empty text.

    Raises AuthoritiesInvalid.
    """
    if not text.strip():
        return ""
    if len(text.encode("utf-8", "replace")) > MAX_CA_LENGTH:
        raise AuthoritiesInvalid("This is more than 64 KB; paste the certificate of the authority alone.")
    if "PRIVATE KEY" in text:
        raise AuthoritiesInvalid("There is a private key in it: paste the authority's certificate alone.")
    try:
        certificates = x509.load_pem_x509_certificates(text.encode("ascii"))
        pem = "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ValueError, ssl.SSLError):
        pem = ""
    if not pem:
        raise AuthoritiesInvalid(
            "This is not a certificate in PEM form. It begins with -----BEGIN CERTIFICATE----- and ends with "
            "-----END CERTIFICATE-----."
        )
    return pem
