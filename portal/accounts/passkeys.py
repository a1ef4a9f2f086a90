"""Passkeys (WebAuthn): which site they belong to, and what of a browser's response is accepted.

allauth and fido2 check challenge, signature and site. What is checked here in addition: the origin is the portal's own
exactly, a passkey that signs in on its own has verified the person, and its counter grows. The site comes from
`PORTAL_PUBLIC_URL`, never from the Host of a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from fido2.webauthn import AuthenticationResponse, AuthenticatorData, CollectedClientData, RegistrationResponse

from portal.accounts import authority
from portal.accounts.factor_rows import PASSKEY, FactorId, state_of
from registries.foundation.ids import UserId
from registries.foundation.refusal import Refusal

MAX_NAME_LENGTH = 60
MAX_FIELD_LENGTH = 20_000
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*=*")

log = structlog.get_logger(__name__)


class ResponseInvalid(Exception):
    """What the browser sent is no response of a passkey for this portal."""


class PasskeyCopied(Refusal):
    """The counter of a passkey did not grow: there are two devices with the same key."""

    code = "passkey_copied"
    title = "This passkey may have been copied"

    def __init__(self) -> None:
        super().__init__("It was not accepted. Sign in another way, remove the passkey, and tell an operator.")


@dataclass(frozen=True, slots=True)
class Response:
    """A browser's response, reduced to what is needed. `is_verified`: the device asked for a fingerprint, a face or a
    PIN."""

    fields: dict[str, object]
    sign_count: int
    is_verified: bool


def site_id() -> str:
    """Return the host that passkeys are bound to."""
    return urlsplit(settings.PORTAL_PUBLIC_URL).hostname or ""


def origin() -> str:
    """Return the origin of the portal's pages as browsers write it."""
    address = urlsplit(settings.PORTAL_PUBLIC_URL)
    usual = {"http": 80, "https": 443}.get(address.scheme)
    port = f":{address.port}" if address.port not in (None, usual) else ""
    return f"{address.scheme}://{address.hostname}{port}"


def are_available() -> bool:
    """Whether browsers offer passkeys on the portal's address: with https, or on localhost, and under a name."""
    host = site_id()
    try:
        ip_address(host)
    except ValueError:
        is_local = host == "localhost" or host.endswith(".localhost")
        return urlsplit(settings.PORTAL_PUBLIC_URL).scheme == "https" or is_local
    return False


def read_registration(sent: object) -> Response:
    """Return the response to adding a passkey. Raises ResponseInvalid; its signature is not checked."""
    fields = _reduced(sent, ("clientDataJSON", "attestationObject"))
    try:
        read = RegistrationResponse.from_dict(fields).response
        return _response(fields, read.client_data, read.attestation_object.auth_data)
    except ResponseInvalid:
        raise
    except Exception as error:  # CBOR and COSE from a stranger: whatever fido2 raises for it
        raise ResponseInvalid from error


def read_proof(sent: object, *, names_person: bool) -> Response:
    """Return the response to using a passkey, which says whose it is where `names_person`. Raises ResponseInvalid; its
    signature is not checked."""
    required = ("clientDataJSON", "authenticatorData", "signature", *(("userHandle",) if names_person else ()))
    fields = _reduced(sent, required)
    try:
        read = AuthenticationResponse.from_dict(fields).response
        return _response(fields, read.client_data, read.authenticator_data)
    except ResponseInvalid:
        raise
    except Exception as error:
        raise ResponseInvalid from error


def is_copied(factor: Authenticator, sign_count: int) -> bool:
    """Whether this use of a passkey shows that it was copied. Many passkeys don't count: they always say 0."""
    before = int(factor.data.get("sign_count", 0))
    return (sign_count > 0 or before > 0) and sign_count <= before


def note_use(person_id: UserId, factor_id: FactorId, sign_count: int) -> None:
    """Store the counter of a passkey whose response was accepted. Raises PasskeyCopied, and AccountAltered for a
    passkey that the person has not added."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person_id)
        factor = next((own for own in factors if own.pk == factor_id and own.type == PASSKEY), None)
        if factor is None:
            raise authority.AccountAltered
        if is_copied(factor, sign_count):
            log.error("passkey_copied", person=person_id, factor=factor_id)
            raise PasskeyCopied
        if sign_count != factor.data.get("sign_count", 0):
            factor.data["sign_count"] = sign_count
            factor.save(update_fields=["data"])
            row.second_factors = state_of(factors)
            authority.store(row, "second_factors")


def _response(fields: dict[str, object], client_data: CollectedClientData, data: AuthenticatorData) -> Response:
    if client_data.origin != origin() or client_data.cross_origin:
        raise ResponseInvalid
    return Response(fields, data.counter, data.is_user_verified())


def _reduced(sent: object, required: tuple[str, ...]) -> dict[str, object]:
    """Return the fields that are needed, each base64url; whatever else a browser sends is not stored."""
    if not isinstance(sent, Mapping) or not isinstance(sent.get("response"), Mapping):
        raise ResponseInvalid
    response = {name: _field(sent["response"].get(name)) for name in required}
    key = _field(sent.get("id"))
    return {
        "id": key,
        "rawId": key,
        "type": "public-key",
        "response": response,
        "clientExtensionResults": {},
    }


def _field(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_FIELD_LENGTH or not _BASE64URL.fullmatch(value):
        raise ResponseInvalid
    return value
