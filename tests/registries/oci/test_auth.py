"""The handshake against a real server: which credential reached whom, and how often."""

from __future__ import annotations

import pytest

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialMalformed,
    HostNotAllowed,
    RateLimited,
    RegistryUnreachable,
)
from registries.oci.auth import Login
from tests.support.fakes.registry import FakeRegistry

from .conftest import ALICE, Connect, fetch, pull, read_all

WRONG = Login("alice", "looking-glass")


@pytest.fixture
def basic() -> object:
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}) as running:
        yield running


def secrets_seen(*registries: FakeRegistry) -> set[str]:
    return {seen.secret for registry in registries for seen in registry.seen if seen.kind == "basic"}


def test_a_login_hides_its_secret() -> None:
    assert "wonderland" not in repr(ALICE)
    assert "wonderland" not in str(vars(AuthenticationFailed(host="x")))


def test_bearer_pings_first_and_asks_one_token(registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", [b"one", b"two"])
    assert list(pull(connect(registry), "team/app")) == pushed.layer_digests
    first, token, *rest = registry.seen
    assert (first.path, first.kind) == ("/v2/", "")
    assert (token.path, token.kind, token.username) == ("/token", "basic", "alice")
    assert "scope=repository%3Ateam%2Fapp%3Apull" in token.query
    assert "service=" in token.query
    assert {one.kind for one in rest} == {"bearer"}
    assert len({one.secret for one in rest}) == 1
    assert {one.headers["user-agent"] for one in registry.seen} == {"drayage/1"}
    assert {one.headers["accept-encoding"] for one in registry.seen} == {"identity"}


def test_basic(basic: FakeRegistry, connect: Connect) -> None:
    basic.push_image("team/app", "1.0")
    pull(connect(basic), "team/app")
    assert [one.kind for one in basic.requests_to("/v2/")][:2] == ["", "basic"]


def test_no_authentication_at_all(elsewhere: FakeRegistry, connect: Connect) -> None:
    elsewhere.push_image("team/app", "1.0")
    pull(connect(elsewhere), "team/app")
    assert {one.kind for one in elsewhere.seen} == {""}


def test_without_a_login_an_anonymous_token_is_asked_for(registry: FakeRegistry, connect: Connect) -> None:
    registry.public.add("team/app")
    registry.push_image("team/app", "1.0")
    registry.push_image("team/private", "1.0")
    pull(connect(registry, login=None), "team/app")
    assert registry.requests_to("/token")[0].kind == ""
    with pytest.raises(AccessDenied):
        pull(connect(registry, login=None), "team/private")


def test_without_a_login_basic_is_out_of_reach(basic: FakeRegistry, connect: Connect) -> None:
    with pytest.raises(AuthenticationFailed):
        pull(connect(basic, login=None), "team/app")


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_wrong_password_is_tried_once(kind: str, connect: Connect) -> None:
    with FakeRegistry(auth=kind, users={"alice": "wonderland"}) as registry:
        client = connect(registry, login=WRONG)
        client.connect()
        for _ in range(3):
            with pytest.raises(AuthenticationFailed) as refusal:
                client.authenticate("team/app")
            with pytest.raises(AuthenticationFailed):
                client.fetch_manifest("team/app", "1.0")
        assert len([one for one in registry.seen if one.kind == "basic"]) == 1
        assert refusal.value.raw.startswith("401")
        assert "looking-glass" not in repr(refusal.value) + str(vars(refusal.value))


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_passwords_of_any_script_arrive(kind: str, connect: Connect) -> None:
    login = Login("ålice", "påsswörd: 密碼")
    with FakeRegistry(auth=kind, users={login.username: login.secret}) as registry:
        registry.push_image("team/app", "1.0")
        pull(connect(registry, login=login), "team/app")


@pytest.mark.parametrize("username", ["ali:ce", "alice\r\nX: y"])
def test_user_names_that_basic_can_not_carry(username: str, connect: Connect) -> None:
    with pytest.raises(CredentialMalformed):
        connect("registry.example", login=Login(username, "x"))


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
    assert refusal.value.params == {"host": registry.host, "repository": "team/app"}
    assert len(registry.requests_to("/token")) == 1


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
    monkeypatch.setattr("registries.oci.auth.time", stopped)
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
    [(300, 270), (1, 0.9), (1.5, 1.35), (3600, 3240), (3601, 3240), (10**15, 3240), (1e300, 3240)]
    + [(lie, 54) for lie in (None, -1, 0, 0.5, "60", True, [], "x")],
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
        b'{"token": "' + b"a" * 20_000 + b'"}',
        b'{"token": "a"}' + b" " * 70_000,
    ],
)
def test_token_answers_that_make_no_sense(body: bytes, registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/token", status=200, body=body)
    with pytest.raises(RegistryUnreachable):
        pull(connect(registry), "team/app")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_call_is_never_redirected(
    status: int, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.fault("/token", status=status, headers={"Location": f"{elsewhere.url}/token"})
    with pytest.raises(RegistryUnreachable):
        pull(connect(registry), "team/app")
    assert elsewhere.seen == []


def test_the_token_service_may_ask_to_wait(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/token", status=429, headers={"Retry-After": "7"})
    with pytest.raises(RateLimited) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.retry_after == 7


@pytest.mark.parametrize(
    "realm",
    [
        "http://localhost:{port}/token",
        "https://localhost:{port}/token",
        "http://127.0.0.1.evil.example:{port}/token",
        "http://alice@127.0.0.1:{port}/token",
        "http://127.0.0.1:{port}\\@evil.example/",
        "//127.0.0.1:{port}/token",
        "/token",
        "ftp://127.0.0.1/token",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_realm_elsewhere_gets_no_credential(
    realm: str, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.realm = realm.format(port=elsewhere.port) or " "
    with pytest.raises(HostNotAllowed) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.params == {"host": registry.host, "case": "realm"}
    assert secrets_seen(registry, elsewhere) == set()


def test_a_token_host_that_was_vouched_for_gets_it(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.realm = f"http://localhost:{elsewhere.port}/token"
    elsewhere.users = registry.users
    client = connect(registry, token_hosts=["auth.example", f"localhost:{elsewhere.port}"])
    client.connect()
    client.authenticate("team/app")
    assert secrets_seen(elsewhere) == {"wonderland"}


def test_a_realm_elsewhere_is_asked_without_credentials(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.realm = f"http://localhost:{elsewhere.port}/token"
    client = connect(registry, login=None)
    client.connect()
    client.authenticate("team/app")
    assert [one.kind for one in elsewhere.seen] == [""]


@pytest.mark.parametrize(
    "challenge",
    [
        "Negotiate",
        'Bearer realm="' + "a" * 60_000,
        'Bearer realm="https://x',
        "Bearer",
        "Bearer realm=",
        "\x1b[31m",
        "é",
    ],
)
def test_challenges_that_can_not_be_met(challenge: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.challenge = challenge
    registry.push_image("team/app", "1.0")
    with pytest.raises((AccessDenied, HostNotAllowed)):
        pull(connect(registry), "team/app")
    assert secrets_seen(registry) == set()


def test_a_challenge_among_several(registry: FakeRegistry, connect: Connect) -> None:
    registry.challenge = f'Basic realm="x", Bearer realm="{registry.url}/token",service="y"'
    registry.push_image("team/app", "1.0")
    pull(connect(registry), "team/app")


def test_a_ping_that_is_open_while_the_rest_is_not(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/v2/", status=200, body=b"{}", times=1)
    registry.push_image("team/app", "1.0")
    pull(connect(registry), "team/app")


def test_credentials_are_not_sent_unasked(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/v2/", status=200, body=b"{}", times=1)
    registry.fault("/manifests/", status=401)
    with pytest.raises(AccessDenied):
        pull(connect(registry), "team/app")
    assert secrets_seen(registry) == set()
