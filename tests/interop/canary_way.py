"""A member, a machine and a stranger use every secret of a running portal, well and badly; `Way.go` returns them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

from tests.conftest import PASSWORD
from tests.interop.docker_registry import DockerRegistry
from tests.interop.launching import manage
from tests.interop.member_browser import Browser
from tests.interop.polling_node import PollingNode
from tests.portal.notifications.conftest import Receiver
from tests.support.processes import free_port, until

MEMBER, OTHER = "alice@acme.example", "bob@umbrella.example"
NEW_GROUP = "/o/acme/default/groups/new/"
NEW_CREDENTIAL = "/o/acme/registries/new/?kind=self_hosted"
WRONG_PASSWORD = "canary-mistyped-password-51c3"
REFUSED_SECRET = "canary-refused-secret-8d20"
ENVIRONMENT = "canary-environment-value-3f97"
UNKNOWN_TOKEN = "drt_" + "canaryUnknownTokenA" + "A" * 24
UNKNOWN_KEY = "drayage_" + "canaryUnknownKeyAAA" + "A" * 24
SHOWN_TOKEN = "ghp_" + "canaryShownToken" + "A1b2C3d4E5f6G7h8I9j0"
UNKNOWN_CODE = "dre_" + "canaryUnknownCodeAA" + "A" * 24
GROUP = {"replicas": "1", "cpu": "1", "memory_mb": "1024", "restart_policy": "always"}


class Way:
    """`secrets` are those that were used, by name."""

    def __init__(self, address: str, environment: dict[str, str], registry: DockerRegistry, reference: str) -> None:
        self.address, self.environment = address, environment
        self.registry, self.reference = registry, reference
        self.secrets: dict[str, bytes] = {}
        self.alice = Browser(address)

    def keep(self, name: str, secret: str) -> str:
        self.secrets[name] = secret.encode()
        return secret

    def go(self, receiver: Receiver) -> dict[str, bytes]:
        for name, value in {
            "password": PASSWORD, "wrong password": WRONG_PASSWORD, "refused secret": REFUSED_SECRET,
            "environment": ENVIRONMENT, "registry password": self.registry.password, "unknown token": UNKNOWN_TOKEN,
            "unknown API key": UNKNOWN_KEY, "unknown code": UNKNOWN_CODE, "token in a shown field": SHOWN_TOKEN,
        }.items():  # fmt: skip
            self.keep(name, value)
        self._sign_in()
        self._second_factor()
        self._webhooks(receiver)
        self._keys_and_invitations()
        self._credentials()
        self._pulls()
        self._node()
        until(lambda: receiver.got, 60)
        return self.secrets

    def found(self, pattern: str, text: str) -> str:
        match = re.search(pattern, text)
        assert match, pattern
        return match[1]

    def _sign_in(self) -> None:
        login = "/accounts/login/"
        stranger = Browser(self.address)
        stranger.post(login, login, login=MEMBER, password=WRONG_PASSWORD)
        stranger.post(login, login, login=WRONG_PASSWORD, password=WRONG_PASSWORD)
        self.alice.post(login, login, login=MEMBER, password=PASSWORD)
        self.keep("first session cookie", self.alice.session.cookies["sessionid"])
        # Without the form's token, by another method, to another host, too large, in a parameter with NUL.
        self.refused("post", login, data={"login": MEMBER, "password": REFUSED_SECRET})
        self.refused("put", login, data={"password": REFUSED_SECRET})
        self.refused("post", login, data={"password": REFUSED_SECRET}, headers={"Host": "evil.example"})
        self.refused("post", login, data={"password": REFUSED_SECRET + "x" * 2_000_000})
        self.refused("post", login, data=f"password={REFUSED_SECRET}".encode("utf-16"))
        self.refused("get", "/o/acme/", headers={"Host": "evil.example", "Cookie": f"sessionid={self._cookie}"})
        self.refused("get", "/o/acme/nothing/", headers={"Cookie": f"sessionid={self._cookie}"})
        self.refused("post", "/o/acme/settings/api-keys/create/", headers={"Cookie": f"sessionid={self._cookie}"})

    @property
    def _cookie(self) -> str:
        return self.secrets["first session cookie"].decode()

    def refused(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send something that is refused, without a browser."""
        answer = requests.request(method, self.address + path, timeout=20, allow_redirects=False, **options)
        assert answer.status_code >= 300, (method, path, answer.status_code)
        assert answer.status_code != 500, (method, path)
        return answer

    def _second_factor(self) -> None:
        page, again = "/accounts/2fa/totp/activate/", "/accounts/reauthenticate/"
        for password in (WRONG_PASSWORD, PASSWORD):
            self.alice.post(again, again, password=password)
        shown = self.alice.get(page).text
        secret = self.keep("TOTP secret", self.found(r"\b([A-Z2-7]{32})\b", shown))
        with suppress(AssertionError):
            self.alice.post(page, page, code="000000")
        code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
        self.alice.post(page, page, code=code)
        self.keep("session cookie", self.alice.session.cookies["sessionid"])  # another one since the factor

        # Somebody else looks at the page and leaves it.
        manage(self.environment, "create_organization", "umbrella", "--owner", OTHER, "--password", PASSWORD)
        bob = Browser(self.address)
        bob.post("/accounts/login/", "/accounts/login/", login=OTHER, password=PASSWORD)
        bob.post(again, again, password=PASSWORD)
        self.keep("abandoned TOTP secret", self.found(r"\b([A-Z2-7]{32})\b", bob.get(page).text))

    def _webhooks(self, receiver: Receiver) -> None:
        page = "/o/acme/settings/notifications/"
        for address in (receiver.address, f"http://127.0.0.1:{free_port()}/nobody"):
            shown = self.alice.post(
                f"{page}webhooks/", page, address=address, kinds=["group.ready", "group.failed"]
            ).text
            name = "webhook secret" if address == receiver.address else "failing webhook's secret"
            self.keep(name, self.found(r'id="webhook-secret">(whsec_[^<]+)<', shown))

    def _keys_and_invitations(self) -> None:
        page = "/o/acme/settings/api-keys/"
        shown = self.alice.post(f"{page}create/", page, name="deploy", scope="write", days="30").text
        key = self.keep("API key", self.found(r"(drayage_[\w-]{43})", shown))
        calls = "/api/public/organizations/acme/projects/default/containers"
        bad = {"name": "x", "container": {"image": "x", "environment_variables": {"A": REFUSED_SECRET}}}
        assert requests.get(self.address + calls, headers={"Salad-Api-Key": key}, timeout=20).ok
        for sent in (key, UNKNOWN_KEY):
            self.refused("post", calls, headers={"Salad-Api-Key": sent}, json=bad)
            self.refused("post", calls, headers={"Salad-Api-Key": sent}, data=f'{{"{REFUSED_SECRET}"')
            self.refused("get", f"{calls}/nothing", headers={"Salad-Api-Key": sent})
            self.refused("put", calls, headers={"Salad-Api-Key": sent}, json=bad)
            self.refused("post", calls, headers={"Salad-Api-Key": sent}, data=REFUSED_SECRET + "x" * 2_000_000)
        team = "/o/acme/settings/members/"
        shown = self.alice.post(f"{team}invite/", team, email="nina@acme.example", role="viewer").text
        link = re.search(r"/invitations/(dri_[\w-]{43})/", shown + "".join(self.console()))
        assert link
        self.keep("invitation", link[1])
        nina = Browser(self.address)
        assert "viewer" in nina.get(f"/invitations/{link[1]}/").text
        self.refused("put", f"/invitations/{link[1]}/")
        self.refused("post", f"/invitations/{link[1]}/", data={"password": REFUSED_SECRET})
        self.refused("get", f"/invitations/{link[1]}x/")
        self.refused("post", "/invitations/accept/", data={"password": REFUSED_SECRET})

    console: Callable[[], list[str]] = staticmethod(list)
    """What `up` has printed: its mails are there."""

    def _credentials(self) -> None:
        typed = {"kind": "self_hosted", "host": self.registry.host, "username": "deploy", "hold": "hour"}
        for wrong in (
            {"password": REFUSED_SECRET + "\r\nX: y"}, {"password": REFUSED_SECRET, "host": "10.0.0.1"},
            {"password": REFUSED_SECRET + " "}, {"password": REFUSED_SECRET, "username": "a:b"},
            {"password": "", "paste": f"docker login -u deploy -p {REFUSED_SECRET} 10.0.0.1 second.example"},
            {"password": REFUSED_SECRET, "ca": f"no certificate {'x' * 10}"},
            {"password": REFUSED_SECRET, "username": SHOWN_TOKEN}, {"password": REFUSED_SECRET, "name": SHOWN_TOKEN},
            {"password": REFUSED_SECRET, "username": f"docker login -u deploy -p {SHOWN_TOKEN}"},
        ):  # fmt: skip
            with suppress(AssertionError):
                self.alice.post(NEW_CREDENTIAL, NEW_CREDENTIAL, **typed | wrong)
        for name, password in (("wrong", WRONG_PASSWORD), ("our registry", self.registry.password)):
            shown = self.alice.post(NEW_CREDENTIAL, NEW_CREDENTIAL, **typed, name=name, password=password)
            self.found(r"([0-9a-f]{8}-[0-9a-f-]{27})", shown.url)

    def _credential(self, name: str) -> str:
        page = self.alice.get("/o/acme/registries/").text
        return self.found(rf'registries/([0-9a-f-]{{36}})/"[^>]*>\s*{name}', page)

    def _pulls(self) -> None:
        for name, credential in (("broken", "wrong"), ("app", "our registry")):
            self.alice.post(
                NEW_GROUP, NEW_GROUP, name=name, image=self.reference, credential=self._credential(credential),
                environment=f"TOKEN={ENVIRONMENT}", **GROUP,
            )  # fmt: skip
        groups = "/o/acme/default/groups/"
        until(lambda: "state-failed" in self.alice.get(f"{groups}broken/").text, 90)
        until(lambda: "state-stopped" in self.alice.get(f"{groups}app/").text, 90)
        with suppress(AssertionError):
            self.alice.post(NEW_GROUP, NEW_GROUP, name="bad", image="a//b", environment=f"1={REFUSED_SECRET}", **GROUP)
        self.alice.post(f"{groups}app/start/", f"{groups}app/")

    def _node(self) -> None:
        for body in (
            {"code": UNKNOWN_CODE, "name": "machine", "public_key": "x"},
            {"code": UNKNOWN_CODE, "name": "x" * 20_000, "public_key": "x"},
        ):
            self.refused("post", "/node/v1/enrol", json=body)
        code = self.keep("enrolment code", manage(self.environment, "create_enrolment", "machine"))
        self.refused("post", "/node/v1/enrol", data=f'{{"code": "{code}"')
        self.refused("get", f"/node/v1/enrol?code={UNKNOWN_CODE}")
        machine = PollingNode(self.address, code)
        self.refused("post", "/node/v1/enrol", json={"code": code, "name": "machine", "public_key": "x"})
        given = until(lambda: machine.poll()["start"], 60)[0]
        token = self.keep("node token", given["token"])
        layers = f"http://{given['image'].partition('/')[0]}"
        self.refused("get", f"/v2/token?token={UNKNOWN_TOKEN}")
        assert requests.get(f"{layers}/v2/token?token={UNKNOWN_TOKEN}", timeout=20).status_code == 401
        self.refused("get", "/v2/token", auth=(machine.id, UNKNOWN_TOKEN))
        for method in ("post", "put", "delete"):
            self.refused(method, "/v2/token", auth=(machine.id, token), data={"password": token})
        opened = requests.get(f"{layers}/v2/token", auth=(machine.id, token), timeout=20).json()
        bearer = {"Authorization": f"Bearer {self.keep('session of a node', opened['token'])}"}
        name, _, digest = given["image"].partition("/")[2].partition("@")
        manifest = requests.get(f"{layers}/v2/{name}/manifests/{digest}", headers=bearer, timeout=20).json()
        for layer in manifest["layers"]:
            answer = requests.get(f"{layers}/v2/{name}/blobs/{layer['digest']}", headers=bearer, timeout=60)
            assert answer.ok
        self.refused("get", f"/v2/{name}/blobs/sha256:{'0' * 64}", headers=bearer)
        self.refused("patch", f"/v2/{name}/manifests/{digest}", headers=bearer)
        self.refused("post", "/node/v1/poll", headers=bearer, data=b"{" * 10)
        self.refused("get", "/v2/token", auth=("00000000-0000-4000-8000-000000000000", token))
