"""Passkeys: with which response somebody gets in, and with which not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.test import Client
from fido2.utils import websafe_encode

from portal.accounts import passkeys
from portal.accounts.authority import may_sign_in
from portal.audit import refused_sign_ins
from portal.models import Activity, User
from tests.support import passkeys as devices
from tests.support.passkeys import Device
from tests.support.sign_ins import sign_in

pytestmark = pytest.mark.usefixtures("no_limits_left_over")
PAGE = "/accounts/password/change/"
ORIGIN = "http://localhost:8000"


@pytest.fixture
def device(alice: User, owner: Client) -> Device:
    """alice's, with a passkey that signs in on its own."""
    device = Device()
    assert devices.add(owner, device).status_code == 302
    return device


@pytest.fixture
def key(alice: User, owner: Client) -> Device:
    """alice's security key without a PIN: a second factor only."""
    device = Device(verifies=False)
    assert devices.add(owner, device, "Key", alone=False).status_code == 302
    return device


def is_signed_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def test_it_signs_in_without_typing(device: Device, alice: User) -> None:
    browser = Client()
    assert devices.sign_in(device, browser).status_code == 302
    assert browser.get("/accounts/2fa/").status_code == 200
    assert Activity.objects.latest("pk").text.detail == "with a second factor"
    alice.refresh_from_db()
    assert may_sign_in(alice)


def test_it_is_the_second_factor_of_a_password(key: Device, alice: User) -> None:
    browser = sign_in(alice)
    assert not is_signed_in(browser)
    assert devices.second_step(browser, key).status_code == 302
    assert is_signed_in(browser)


def test_a_password_alone_is_not_enough(device: Device, alice: User) -> None:
    assert not is_signed_in(sign_in(alice))


def test_it_proves_again_who_somebody_is(device: Device, owner: Client) -> None:
    address = "/accounts/2fa/webauthn/reauthenticate/"
    options = owner.get(address).context["js_data"]["request_options"]
    assert owner.post(address, {"credential": device.get(options)}).status_code == 302
    refused = owner.post(address, {"credential": device.get(options)}, follow=True)
    assert "not accepted" in refused.text


@pytest.mark.parametrize("lie", ["unverified", "key", "other origin", "subdomain", "frame", "other key", "challenge"])
def test_nobody_else_signs_in_with_it(lie: str, device: Device, alice: User) -> None:
    browser = Client()
    options = devices.options_to_sign_in(browser)
    match lie:
        case "unverified":
            device.verifies = False
        case "key":
            device.key = Device().key
        case "other origin":
            device.origin = "http://localhost:9000"
        case "subdomain":
            device.origin = "http://evil.localhost:8000"
        case "frame":
            device.cross_origin = True
        case "other key":
            device.key_id = b"x" * 16
        case "challenge":
            options["publicKey"]["challenge"] = websafe_encode(b"x" * 32)
    assert browser.post(devices.SIGN_IN, {"credential": device.get(options)}).headers["Location"] == "/accounts/login/"
    assert not is_signed_in(browser)


def test_a_security_key_without_pin_does_not_sign_in_alone(key: Device, alice: User, mallory: User) -> None:
    """Who stole it asks for the challenge of the second step of his own account, which doesn't ask for a PIN."""
    own = sign_in(mallory)
    devices.add(own, Device(verifies=False), alone=False)
    thief = sign_in(mallory)
    options = thief.get(devices.STEP).context["js_data"]["request_options"]
    thief.post(devices.SIGN_IN, {"credential": key.get(options)})
    assert not is_signed_in(thief)


def test_a_passkey_for_the_second_step_does_not_sign_in_alone(alice: User, owner: Client) -> None:
    device = Device()
    devices.add(owner, device, alone=False)
    browser = Client()
    response = devices.sign_in(device, browser)
    assert not is_signed_in(browser)
    assert "second step" in browser.get(response.headers["Location"]).text


def test_one_that_verified_nobody_is_not_added_as_the_only_way(alice: User, owner: Client) -> None:
    assert devices.add(owner, Device(verifies=False)).status_code == 200
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("change", [{"origin": "http://localhost:9000"}, {"site": "example.com"}])
def test_one_of_another_site_is_not_added(change: dict[str, str], alice: User, owner: Client) -> None:
    assert devices.add(owner, Device(**change)).status_code == 200  # type: ignore[arg-type]
    assert not Authenticator.objects.exists()


class TestCopies:
    def test_a_counter_that_does_not_grow_is_refused_and_noted(self, key: Device, alice: User) -> None:
        devices.second_step(sign_in(alice), key)
        key.count -= 1
        browser = sign_in(alice)
        assert "copied" in devices.second_step(browser, key).text
        assert not is_signed_in(browser)
        refused_sign_ins.sweep()
        assert Activity.objects.filter(action="account.sign_in_refused").exists()

    def test_also_without_a_password(self, device: Device, alice: User) -> None:
        devices.sign_in(device)
        device.count -= 1
        browser = Client()
        devices.sign_in(device, browser)
        assert not is_signed_in(browser)

    def test_a_passkey_that_does_not_count_works_again_and_again(self, alice: User, owner: Client) -> None:
        device = Device(step=0)
        devices.add(owner, device)
        for _ in range(2):
            browser = Client()
            devices.sign_in(device, browser)
            assert is_signed_in(browser)

    def test_an_earlier_counter_in_the_database_closes_the_account(self, device: Device, alice: User) -> None:
        devices.sign_in(device)
        row = Authenticator.objects.get(type="webauthn")
        row.data["sign_count"] = 0
        Authenticator.objects.filter(pk=row.pk).update(data=row.data)
        browser = Client()
        devices.sign_in(device, browser)
        assert not is_signed_in(browser)


class TestWriterOfTheDatabase:
    """mallory has a passkey of her own, and writes rows."""

    @pytest.fixture
    def own(self, mallory: User) -> Device:
        device = Device()
        devices.add(sign_in(mallory), device)
        return device

    def test_an_inserted_passkey_opens_nothing(self, own: Device, olga: User, mallory: User) -> None:
        Authenticator.objects.filter(user=mallory, type="webauthn").update(user=olga)
        own.user_handle = user_pk_to_url_str(olga).encode()
        browser = Client()
        response = devices.sign_in(own, browser)
        assert response.headers["Location"] == "/accounts/login/"
        assert not is_signed_in(browser)
        olga.refresh_from_db()
        assert olga.altered_at is not None

    def test_neither_does_an_exchanged_one(self, own: Device, device: Device, alice: User, mallory: User) -> None:
        data = Authenticator.objects.get(user=mallory, type="webauthn").data
        Authenticator.objects.filter(user=alice, type="webauthn").update(data=data)
        own.user_handle = user_pk_to_url_str(alice).encode()
        browser = Client()
        devices.sign_in(own, browser)
        assert not is_signed_in(browser)

    def test_nor_is_it_a_fresh_sign_in(self, own: Device, olga: User, operator: Client, mallory: User) -> None:
        Authenticator.objects.filter(user=mallory, type="webauthn").update(user=olga)
        address = "/accounts/2fa/webauthn/reauthenticate/"
        options = operator.get(address).context["js_data"]["request_options"]
        assert operator.post(address, {"credential": own.get(options)}).status_code == 409


class TestResponses:
    """What strangers send to the sign-in page."""

    @pytest.mark.parametrize(
        "sent",
        [
            "", "x", "null", "[]", "1", '"x"', "{}", '{"response": 1}', '{"response": {}}', '{"id": 1, "response": {}}',
            '{"id": "\\u0000", "response": {}}', '{"id": "AA", "response": {"clientDataJSON": "é"}}',
        ],
    )  # fmt: skip
    def test_what_is_none_is_refused(self, sent: str, db: None) -> None:
        browser = Client()
        devices.options_to_sign_in(browser)
        assert browser.post(devices.SIGN_IN, {"credential": sent}).status_code == 302

    @pytest.mark.parametrize("name", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
    @pytest.mark.parametrize("value", ["", "A", "AAAA", websafe_encode(b"\xff" * 40), websafe_encode(b"null"), 1])
    def test_so_is_what_is_damaged(self, name: str, value: object, device: Device) -> None:
        browser = Client()
        sent = json.loads(device.get(devices.options_to_sign_in(browser)))
        sent["response"][name] = value
        assert browser.post(devices.SIGN_IN, {"credential": json.dumps(sent)}).status_code == 302
        assert not is_signed_in(browser)

    @pytest.mark.parametrize("name", ["clientDataJSON", "attestationObject"])
    @pytest.mark.parametrize("value", ["", "A", "AAAA", websafe_encode(b"\xa1\x00"), websafe_encode(b"[]")])
    def test_nothing_damaged_is_added(self, name: str, value: str, owner: Client) -> None:
        options = owner.get(devices.ADD).context["js_data"]["creation_options"]
        sent = json.loads(Device().create(options))
        sent["response"][name] = value
        assert owner.post(devices.ADD, {"name": "x", "credential": json.dumps(sent)}).status_code == 200
        assert not Authenticator.objects.exists()

    def test_a_challenge_works_once(self, device: Device) -> None:
        browser = Client()
        sent = {"credential": device.get(devices.options_to_sign_in(browser))}
        browser.post(devices.SIGN_IN, sent)
        browser.post("/accounts/logout/")
        browser.post(devices.SIGN_IN, sent)
        assert not is_signed_in(browser)

    def test_an_account_that_does_not_exist(self, device: Device) -> None:
        device.user_handle = b"999999999999999999999999"
        assert devices.sign_in(device).headers["Location"] == "/accounts/login/"


class TestSite:
    def test_it_does_not_come_from_the_request(self, owner: Client, settings: Any) -> None:
        settings.PORTAL_PUBLIC_URL = "https://portal.example"
        settings.ALLOWED_HOSTS = ["*"]
        page = owner.get(devices.ADD, headers={"Host": "evil.example"})
        assert page.context["js_data"]["creation_options"]["publicKey"]["rp"]["id"] == "portal.example"

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ("https://portal.example", ("https://portal.example", True)),
            ("https://Portal.example:443/", ("https://portal.example", True)),
            ("https://portal.example:8443", ("https://portal.example:8443", True)),
            ("http://localhost:8000", ("http://localhost:8000", True)),
            ("http://portal.example", ("http://portal.example", False)),
            ("https://192.0.2.1", ("https://192.0.2.1", False)),
        ],
    )
    def test_where_browsers_offer_them(self, address: str, expected: tuple[str, bool], settings: Any) -> None:
        settings.PORTAL_PUBLIC_URL = address
        assert (passkeys.origin(), passkeys.are_available()) == expected

    def test_without_them_the_pages_offer_an_app(self, owner: Client, settings: Any) -> None:
        settings.PORTAL_PUBLIC_URL = "http://192.0.2.1"
        assert "Use an authenticator app" in owner.get(devices.ADD).text
        assert "data-passkey" not in Client().get("/accounts/login/").text
        assert Client().get(devices.SIGN_IN, headers={"Accept": "application/json"}).status_code == 404
