"""Two clients behind nginx: what each does is counted and recorded at its own address, whatever headers it sends."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.interop.nginx_site import Site, behind_nginx

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
MALLORY, ALICE = "127.0.0.2", "127.0.0.3"
APPENDS = "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
DROPS = '    proxy_set_header Forwarded "";\n'
APPENDS_FORWARDED = '    proxy_set_header Forwarded "$http_forwarded, for=$remote_addr;proto=https";\n'
PRETENDING = [
    {"X-Forwarded-For": ALICE},
    {"X-Forwarded-For": f"{ALICE}, 127.0.0.1"},
    {"X-Forwarded-For": f"{ALICE},"},
    {"X-Forwarded-For": f"{ALICE}, unknown"},
    {"X-Forwarded-For": f"[::ffff:{ALICE}]:80"},
    {"X-Forwarded-For": ", ".join([ALICE] * 40)},
    {"X_Forwarded_For": ALICE},
    {"x-forwarded-for": ALICE, "Forwarded": f"for={ALICE}"},
    {"Forwarded": f"for={ALICE}"},
    {"Forwarded": f'for="{ALICE}:80";by=127.0.0.1'},
    {"Forwarded": f"for={ALICE}, for=127.0.0.1"},
    {"Forwarded": f'for={ALICE};x="'},
    {"Forwarded": f'for="{ALICE}'},
    {"Forwarded": f"for={ALICE}, for=_hidden"},
    {"X-Real-IP": ALICE},
    {"Client-IP": ALICE, "True-Client-IP": ALICE, "X-Client-IP": ALICE, "CF-Connecting-IP": ALICE},
    {"Via": f"1.1 {ALICE}"},
    {"REMOTE_ADDR": ALICE, "Remote-Addr": ALICE},
]


class Address(HTTPAdapter):
    """Connects from this address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **options: object) -> None:
        super().init_poolmanager(*args, **options, source_address=(self._address, 0))  # type: ignore[arg-type]


class Caller:
    """A client at an address of its own."""

    def __init__(self, site: Site, address: str) -> None:
        self._site, self._session = site, requests.Session()
        self._session.mount("https://", Address(address))
        self._session.trust_env = False
        self._session.verify = False

    def guess(self, email: str, **headers: str) -> int:
        """Try to sign in with a wrong password; return the status."""
        address = f"{self._site.url}/accounts/login/"
        page = self._session.get(address, timeout=20).text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, page
        sent = {"csrfmiddlewaretoken": found[1], "login": email, "password": "a wrong guess"}
        return self._session.post(address, sent, headers={"Referer": address, **headers}, timeout=20).status_code

    def redeem(self, token: str, **headers: str) -> int:
        """Present a node's token that nobody was given."""
        address = f"{self._site.url}/v2/token"
        return self._session.get(address, auth=("node", token), headers=headers, timeout=20).status_code


@pytest.fixture(scope="module", params=["networks", "number", "forwarded"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example, except that it passes on the header that is not believed as the client sent it."""

    def change(text: str) -> str:
        assert APPENDS in text
        assert DROPS in text
        text = text.replace(DROPS, "")
        return text.replace(APPENDS, APPENDS_FORWARDED) if request.param == "forwarded" else text

    settings = {
        "PORTAL_TRUSTED_PROXIES": "1" if request.param == "number" else "127.0.0.1",
        "PORTAL_PROXY_HEADER": "forwarded" if request.param == "forwarded" else "x-forwarded-for",
    }
    home, data = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("portal")
    with behind_nginx(home, data, change=change, **settings) as site:
        yield site


def rows(site: Site, query: str) -> list[tuple[Any, Any]]:
    with closing(sqlite3.connect(site.portal.folder / "portal.sqlite3")) as database:
        return database.execute(query).fetchall()


def test_each_is_limited_at_its_own_address_and_can_pretend_to_be_no_other(site: Site) -> None:
    mallory, alice = Caller(site, MALLORY), Caller(site, ALICE)
    assert alice.guess("alice@acme.example") == 200

    seen = [mallory.guess(f"n{n}@d{n}.example", **headers) for n, headers in enumerate(PRETENDING)]
    assert seen == [200] * len(PRETENDING)
    limits: dict[str, int] = dict(rows(site, "SELECT shown, count FROM portal_signinlimit WHERE kind = 'address'"))
    assert limits == {ALICE: 1, MALLORY: len(PRETENDING)}

    noted = rows(site, "SELECT typed_address, client_address FROM portal_refusedsignin")
    assert {client for name, client in noted if name} == {MALLORY}
    assert [client for name, client in noted if not name] == [ALICE]  # an account, which is named by its key

    rest = [mallory.guess(f"m{n}@d{n}.example", **{"X-Forwarded-For": ALICE}) for n in range(6)]
    assert 429 in rest
    assert alice.guess("bob@acme.example") == 200


def test_the_ledger_has_who_presented_a_token(site: Site) -> None:
    callers = {MALLORY: Caller(site, MALLORY), ALICE: Caller(site, ALICE)}
    for headers in PRETENDING:
        callers[MALLORY].redeem("drn_" + "a" * 43, **headers)
    callers[ALICE].redeem("drn_" + "b" * 43)

    found = rows(site, "SELECT address, COUNT(*) FROM groups_redemption GROUP BY address")
    assert dict(found).keys() == {MALLORY, ALICE}
