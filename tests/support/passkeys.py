"""A device with passkeys, in software: what a browser sends for it."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ADD = "/accounts/2fa/webauthn/add/"
SIGN_IN = "/accounts/2fa/webauthn/login/"
STEP = "/accounts/2fa/authenticate/"


@dataclass
class Device:
    """A device with one key. `verifies`: it asks for a fingerprint or a PIN. Its counter grows by `step` each time."""

    verifies: bool = True
    step: int = 1
    count: int = 0
    origin: str = ""
    site: str = "localhost"
    cross_origin: bool = False
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    key_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    user_handle: bytes = b""

    def create(self, options: Any) -> str:
        """Return what the browser sends for a new passkey."""
        options = options["publicKey"]
        self.user_handle = websafe_decode(options["user"]["id"])
        public = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))  # type: ignore[no-untyped-call]
        attested = bytes(16) + struct.pack(">H", len(self.key_id)) + self.key_id + public
        data = self._data(ATTESTED) + attested
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options["challenge"]),
            "attestationObject": websafe_encode(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return self._sent(response)

    def get(self, options: Any) -> str:
        """Return what the browser sends for a proof with the passkey."""
        options = options["publicKey"]
        self.count += self.step
        data, client = self._data(0), self._client_data("webauthn.get", options["challenge"])
        digest = hashlib.sha256(websafe_decode(client)).digest()
        response = {
            "clientDataJSON": client,
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(self.key.sign(data + digest, ec.ECDSA(hashes.SHA256()))),
            "userHandle": websafe_encode(self.user_handle),
        }
        return self._sent(response)

    def _data(self, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.site.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client_data(self, kind: str, challenge: str) -> str:
        said = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin or settings.PORTAL_PUBLIC_URL,
            "crossOrigin": self.cross_origin,
        }
        return websafe_encode(json.dumps(said).encode())

    def _sent(self, response: dict[str, str]) -> str:
        key = websafe_encode(self.key_id)
        return json.dumps(
            {"id": key, "rawId": key, "type": "public-key", "response": response, "clientExtensionResults": {}}
        )


def add(browser: Client, device: Device, name: str = "Laptop", *, alone: bool = True) -> Any:
    """Add the device's passkey on the page; return the response."""
    options = browser.get(ADD).context["js_data"]["creation_options"]
    form = {"name": name, "credential": device.create(options)}
    return browser.post(ADD, form | ({"passwordless": "on"} if alone else {}))


def options_to_sign_in(browser: Client) -> Any:
    """What the sign-in page asks the device for."""
    return browser.get(SIGN_IN, headers={"Accept": "application/json"}).json()["request_options"]


def sign_in(device: Device, browser: Client | None = None) -> Any:
    """Sign in with the passkey alone, in this browser or a new one; return the response."""
    browser = browser or Client()
    return browser.post(SIGN_IN, {"credential": device.get(options_to_sign_in(browser))})


def second_step(browser: Client, device: Device) -> Any:
    """Use the passkey after the password; return the response."""
    options = browser.get(STEP).context["js_data"]["request_options"]
    return browser.post(STEP, {"credential": device.get(options)})
