"""A thief of the web host (its keys, Django's secret key) and of a copy of the database, with the program's source."""

from __future__ import annotations

import base64
import hmac
import shutil
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings as django_settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.models import Session
from django.test import Client

from groups.delivery.sessions import bearer_of
from groups.models import Blob, NodeToken
from portal.accounts.second_factors import owned_by
from portal.models import Organization, User
from registries.federation.identities import identity_of
from registries.federation.tokens import issue
from registries.models import Credential
from registries.secrets import issuer_keys, keyring, layer_keys, session_data
from registries.secrets.credential_seal import SealBroken, unseal
from tests.portal.test_stolen_copy import in_use, unused
from tests.support.portal_in_use import PortalInUse

__all__ = ["in_use", "unused"]  # fixtures
ACCOUNT = "/accounts/password/change/"


@pytest.fixture
def stolen(in_use: PortalInUse, settings: Any, tmp_path: Path) -> PortalInUse:
    """The thief's machine: the web zone's folder of keys, and nothing of the workers'."""
    shutil.copytree(Path(settings.PORTAL_KEY_DIR) / "web", tmp_path / "keys/web")
    settings.PORTAL_KEY_DIR = tmp_path / "keys"
    return in_use


def test_no_credential_and_no_layer_opens(stolen: PortalInUse) -> None:
    live = Credential.objects.exclude(sealed=None)
    assert live.exists()
    for row in live:
        with pytest.raises(SealBroken, match="KeyUnavailable"):
            unseal(bytes(row.sealed or b""), epoch=row.epoch or 0, credential_id=row.pk)
    assert Blob.objects.exists()
    for blob in Blob.objects.all():
        with pytest.raises(keyring.KeyUnavailable):
            layer_keys.unwrap(blob.wrapped_key, organization_id=blob.organization_id, digest=blob.digest)


def test_no_link_of_a_password_can_be_forged(stolen: PortalInUse) -> None:
    for person in User.objects.all():
        forged = PasswordResetTokenGenerator().make_token(person)
        page = Client().get(f"/accounts/password/reset/key/{user_pk_to_url_str(person)}-{forged}/")
        assert page.status_code == 200
        assert page.context["token_fail"]


def test_no_address_can_be_confirmed(stolen: PortalInUse) -> None:
    address = EmailAddress.objects.create(user=stolen.person, email="thief@evil.example")
    path = f"/accounts/confirm-email/{EmailConfirmationHMAC(address).key}/"
    assert [Client().get(path).status_code, Client().post(path).status_code] == [404, 404]


def test_no_session_can_be_made_from_the_rows_or_the_key(stolen: PortalInUse, olga: User) -> None:
    forged = signed_cookies.SessionStore()
    forged["_auth_user_id"], forged["_auth_user_hash"] = str(olga.pk), olga.get_session_auth_hash()
    forged["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    forged.save()
    cookies = [str(forged.session_key), *Session.objects.values_list("session_key", flat=True)]
    for cookie in cookies:
        browser = Client()
        browser.cookies[django_settings.SESSION_COOKIE_NAME] = cookie
        assert browser.get(ACCOUNT).status_code == 302
    for row in Session.objects.all():
        with pytest.raises(session_data.SessionDataBroken):
            session_data.decrypt(row.session_data, row.session_key)


def test_no_session_of_a_node_can_be_entered(stolen: PortalInUse) -> None:
    key = HKDF(SHA256(), 32, None, b"drayage node session bearer").derive(keyring.data_key())
    for token in NodeToken.objects.all():
        of_id = base64.urlsafe_b64encode(hmac.digest(key, token.pk.bytes, "sha256")).rstrip(b"=").decode()
        guesses = (f"drs_{token.pk.hex}_{of_id}", f"drs_{of_id}", bearer_of(token.token_hash), bearer_of(str(token.pk)))
        for guess in guesses:
            assert Client().get("/v2/", headers={"Authorization": f"Bearer {guess}"}).status_code == 401


def test_second_factors_can_be_read_and_sign_nobody_in_alone(stolen: PortalInUse) -> None:
    """The web zone has to check their codes. Whoever was robbed makes new ones."""
    secrets = []
    for row in Authenticator.objects.filter(type="totp"):
        with owned_by(row.user_id):
            secrets.append(get_adapter().decrypt(row.data["secret"]))
    assert stolen.secrets["second factor"] in secrets
    answer = Client().post("/accounts/2fa/authenticate/", {"code": stolen.secrets["recovery code"]})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")


def test_no_token_of_an_issuer_can_be_signed(stolen: PortalInUse, acme: Organization, settings: Any) -> None:
    """He has the public keys, and the marks of organizations. What signs is in the worker zone alone."""
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    identity = identity_of(acme, acme.projects.get())
    assert issuer_keys.public_keys()
    assert not [path for path in Path(settings.PORTAL_KEY_DIR).rglob("issuer-*") if path.suffix != ".pub"]
    for zone in ("all", "web", "worker"):
        settings.PORTAL_ZONE = zone
        with pytest.raises(keyring.KeyUnavailable):
            issue(identity, audience="sts.amazonaws.com", group="web", image="x", pull="pull-1")
    files = [path for path in Path(settings.PORTAL_KEY_DIR).rglob("*") if path.is_file()]
    assert not [path for path in files if b"PRIVATE KEY" in path.read_bytes()]
