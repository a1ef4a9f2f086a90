"""Tokens against a real server: what is asked for, what is read, and how long one is used."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from registries.failures import (
    AccessDenied,
    ImageNotFound,
    RateLimited,
    RegistryUnreachable,
)
from registries.oci.auth import Handshake
from registries.oci.login import Login
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry

from .conftest import ALICE, Connect, fetch, pull, read_all


def test_the_longest_token_and_the_longest_answer(registry: FakeRegistry, connect: Connect) -> None:
    answer = b'{"token": "%s", "access_token": "other"' % (b"a" * 16_384)
    registry.fault("/token", status=200, body=answer + b" " * (64 * 1024 - len(answer) - 1) + b"}")
    registry.fault("/manifests/", status=404)
    with pytest.raises(ImageNotFound):
        fetch(connect(registry), "team/app")
    assert registry.seen[-1].secret == "a" * 16_384


@pytest.mark.parametrize("field", ["token", "access_token"])
def test_either_name_of_the_token(field: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.token_field = field
    registry.push_image("team/app", "1.0")
    pull(connect(registry), "team/app")


def test_a_token_that_grants_nothing_means_no_access(registry: FakeRegistry, connect: Connect) -> None:
    registry.grant_nothing = True
    registry.push_image("team/app", "1.0")
    with pytest.raises(AccessDenied) as refusal:
        pull(connect(registry), "team/app")
    where = {"host": registry.host, "service": "registry", "met": registry.host}
    assert refusal.value.params == {**where, "repository": "team/app"}
    assert len([one for one in registry.requests_to("/token") if "scope" in one.query]) == 1


def test_401_for_ever_ends(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.url}/token"'})
    with pytest.raises(AccessDenied):
        pull(connect(registry), "team/app")
    assert len(registry.seen) <= 6


def test_a_token_that_dies_early_is_replaced(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [b"one", b"two"])
    client = connect(registry)
    manifest = fetch(client, "team/app")
    registry.forget_tokens()
    for layer in manifest.layers:
        read_all(client, "team/app", layer)
    assert len(registry.requests_to("/token")) == 2


class Clock:
    """The client's clock, in seconds since the test began."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    for module in ("auth", "token_service"):
        monkeypatch.setattr(f"registries.oci.{module}.time", stopped)
    return stopped


def test_a_token_past_its_time_is_not_sent(registry: FakeRegistry, connect: Connect, clock: Clock) -> None:
    registry.push_image("team/app", "1.0")
    client = connect(registry)
    manifest = fetch(client, "team/app")
    clock.now = 300
    read_all(client, "team/app", manifest.layers[0])
    assert len(registry.requests_to("/token")) == 2
    assert not [
        one for one in registry.requests_to("/blobs/") if one.secret == registry.requests_to("/manifests/")[0].secret
    ]


@pytest.mark.parametrize(
    ("expires_in", "used_for"),
    [(300, 270), (1, 0.9), (1.5, 1.35), (3600, 3240), (3601, 3240), (10**15, 3240), (1e300, 3240),
     (None, 54), (-1, 54), (0, 54), (0.5, 54), ("60", 54), (True, 54), ([], 54), ("x", 54)],
)  # fmt: skip
def test_a_token_is_used_for_nine_tenths_of_its_time(
    expires_in: object, used_for: float, registry: FakeRegistry, connect: Connect, clock: Clock
) -> None:
    """An hour at most, and a minute where the token service says nothing that makes sense. The time counts from before
    the request, which takes two seconds here."""

    def take_time(host: str) -> None:
        clock.now += 2

    registry.expires_in = expires_in
    client = connect(registry, before_login_sent=take_time)
    client.authenticate("team/app")
    assert clock.now == 2
    clock.now = used_for - 0.01
    client.authenticate("team/app")
    assert len(registry.requests_to("/token")) == 1
    clock.now = used_for + 0.01
    client.authenticate("team/app")
    assert len(registry.requests_to("/token")) == 2


def test_a_token_is_not_used_at_its_end(registry: FakeRegistry, connect: Connect, clock: Clock) -> None:
    registry.expires_in = 300
    client = connect(registry)
    client.authenticate("team/app")
    clock.now += 270
    client.authenticate("team/app")
    assert len(registry.requests_to("/token")) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"token": ""}',
        b'{"token": 5}',
        b'{"token": "a\\r\\nX: y"}',
        b'{"token": "\xc3\xa9"}',
        b'{"token": "a", "token": "b"}',
        b'{"token": "a b"}',
        b'{"token": "' + b"a" * 16_385 + b'"}',
        b'{"token": "a"}' + b" " * 70_000,
    ],
)
def test_token_answers_that_make_no_sense(body: bytes, registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/token", status=200, body=body)
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == ("no token" if len(body) <= 65_536 else "502")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("login", [ALICE, None], ids=["login", "anonymous"])
def test_a_token_call_is_redirected_within_its_origin(
    status: int, login: Login | None, registry: FakeRegistry, connect: Connect
) -> None:
    """cesanta/docker_auth#397: the realm is /auth/token, and the token service serves /auth."""
    registry.public.add("team/app")
    registry.push_image("team/app", "1.0")
    registry.realm = f"{registry.url}/auth/token"
    registry.fault("/auth/token", status=status, headers={"Location": "../token?scope=repository:team/app:pull&x=%2b"})
    pull(connect(registry, login=login), "team/app")
    [first, second] = registry.requests_to("/token")
    assert (first.path, second.path, second.query) == ("/auth/token", "/token", "scope=repository:team/app:pull&x=%2b")
    assert first.kind == second.kind == ("basic" if login else "")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "place",
    ["http://{elsewhere}", "//{elsewhere}", "http://localhost:{port}", "http://localhost:{elsewhere_port}"],
    ids=["port", "relative", "name", "both"],
)
def test_a_token_call_is_never_redirected_elsewhere(
    place: str, status: int, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    """Another port or name is another origin, also one that may be named as the token service."""
    place = place.format(elsewhere=elsewhere.host, elsewhere_port=elsewhere.port, port=registry.port)
    registry.fault("/token", status=status, headers={"Location": f"{place}/elsewhere"})
    token_hosts = [elsewhere.host, f"localhost:{elsewhere.port}", f"localhost:{registry.port}"]
    for login in (ALICE, None):
        with pytest.raises(RegistryUnreachable) as refusal:
            pull(connect(registry, login=login, token_hosts=token_hosts), "team/app")
        assert refusal.value.raw == str(status)
        assert refusal.value.params["service"] == "sign_in"
        assert f"it sent us on to {place.rpartition('/')[2]}" in refusal.value.words.text
    assert elsewhere.seen == []
    assert registry.requests_to("/elsewhere") == []


def test_a_token_call_may_move_to_tls_and_not_back(registry: FakeRegistry, connect: Connect, tmp_path: Path) -> None:
    """Finsys/dockhand#1428: http on the registry's host leads to https there."""
    authority = Authority(tmp_path)
    registry.push_image("team/app", "1.0")
    with FakeRegistry(auth="bearer", users=registry.users, tls=authority.issue("127.0.0.1")) as encrypted:
        encrypted._tokens = registry._tokens
        registry.fault("/token", redirect=f"{encrypted.url}/token?scope=repository:team/app:pull")
        told: list[str] = []
        pull(connect(registry, ca_file=authority.ca_file, before_login_sent=told.append), "team/app")
        assert [one.kind for one in encrypted.seen] == ["basic"]
        assert told == [registry.host, encrypted.host]
        encrypted.fault("/token", redirect=f"{registry.url}/back")
        with pytest.raises(RegistryUnreachable) as refusal:
            pull(connect(encrypted, ca_file=authority.ca_file), "team/app")
        assert refusal.value.raw == "redirect"
    assert registry.requests_to("/back") == []


def test_a_token_call_is_not_redirected_for_ever(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/token", redirect="{path}")
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "redirect"
    assert len(registry.requests_to("/token")) == 6


def test_the_ping_is_redirected_within_its_origin(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/v2/", redirect="/v2/?", times=1)
    pull(connect(registry), "team/app")
    registry.fault("/v2/", redirect=f"{elsewhere.url}/v2/", times=1)
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert (refusal.value.raw, elsewhere.seen) == ("307", [])


def test_the_token_service_may_ask_to_wait(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/token", status=429, headers={"Retry-After": "7"})
    with pytest.raises(RateLimited) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.retry_after == 7


def test_what_a_token_is_asked_for(registry: FakeRegistry, connect: Connect) -> None:
    """The service is named if the challenge names one, and the address may have a query of its own."""
    for challenge, query in (
        ('realm="{url}/token",service="the registry"', "service=the+registry&scope=repository%3Ateam%2Fapp%3Apull"),
        ('realm="{url}/token"', "scope=repository%3Ateam%2Fapp%3Apull"),
        ('realm="{url}/token?a=b",scope="x"', "a=b&scope=repository%3Ateam%2Fapp%3Apull"),
    ):
        registry.challenge = f"Bearer {challenge.format(url=registry.url)}"
        connect(registry).authenticate("team/app")
        assert registry.requests_to("/token")[-1].query == query


def test_two_requests_that_are_refused_at_once_ask_for_one_token(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ping was open, so both were sent without credentials: the second finds what the first has learned."""
    registry.fault("/v2/", status=200, body=b"{}", times=1)
    pushed = registry.push_image("team/app", "1.0")
    client = connect(registry)
    client.connect()
    both, really = threading.Barrier(2, timeout=10), Handshake.renew

    def renew(self: Handshake, *arguments: Any) -> Any:
        both.wait()
        return really(self, *arguments)

    monkeypatch.setattr(Handshake, "renew", renew)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: fetch(client, "team/app").digest, range(2)))
    assert found == [pushed.manifest_digest] * 2
    assert len(registry.requests_to("/token")) == 1


def test_each_repository_has_a_token_of_its_own(registry: FakeRegistry, connect: Connect) -> None:
    for repository in ("team/app", "team/other"):
        registry.push_image(repository, "1.0")
    client = connect(registry)
    for _ in range(2):
        for repository in ("team/app", "team/other"):
            fetch(client, repository)
    assert len(registry.requests_to("/token")) == 2
    assert len({one.secret for one in registry.requests_to("/manifests/")}) == 2


def test_a_refused_token_service_may_be_asked_again(registry: FakeRegistry, connect: Connect) -> None:
    """Unless it refused the password."""
    client = connect(registry)
    for status, expected in ((403, AccessDenied), (503, RegistryUnreachable), (404, RegistryUnreachable)):
        registry.fault("/token", status=status, times=1)
        with pytest.raises(expected) as refusal:
            client.authenticate("team/app")
        assert refusal.value.response is not None
        assert refusal.value.response.login is True
    client.authenticate("team/app")
