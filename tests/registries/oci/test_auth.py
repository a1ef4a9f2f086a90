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
from registries.oci.login import Login
from registries.oci.tokens import Token
from tests.support.fakes.registry import FakeRegistry

from .conftest import ALICE, Connect, fetch, pull, secrets_seen

WRONG = Login("alice", "looking-glass")


def test_a_login_hides_its_secret() -> None:
    assert "wonderland" not in repr(ALICE)
    assert "canary" not in repr(Token("canary", 0))
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


@pytest.mark.parametrize(("kind", "sent"), [("basic", 2), ("bearer", 1)])
def test_a_wrong_password_is_tried_once(kind: str, sent: int, connect: Connect) -> None:
    """At the token service, or at the ping and at the image: the ping is a hint."""
    with FakeRegistry(auth=kind, users={"alice": "wonderland"}) as registry:
        client = connect(registry, login=WRONG)
        client.connect()
        for _ in range(3):
            with pytest.raises(AuthenticationFailed) as refusal:
                client.authenticate("team/app")
            with pytest.raises(AuthenticationFailed):
                client.fetch_manifest("team/app", "1.0")
        assert len([one for one in registry.seen if one.kind == "basic"]) == sent
        assert refusal.value.raw.startswith("401")
        assert "looking-glass" not in repr(refusal.value) + str(vars(refusal.value))


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_passwords_of_any_script_arrive(kind: str, connect: Connect) -> None:
    login = Login("ålice", "påsswörd: 密碼")
    with FakeRegistry(auth=kind, users={login.username: login.secret}) as registry:
        registry.push_image("team/app", "1.0")
        pull(connect(registry, login=login), "team/app")


@pytest.mark.parametrize("username", ["ali:ce", "alice\r", "alice\n", ":"])
def test_user_names_that_basic_can_not_carry(username: str, connect: Connect) -> None:
    with pytest.raises(CredentialMalformed):
        connect("registry.example", login=Login(username, "x"))


def test_of_two_ways_to_get_a_token_the_first_is_taken(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.challenge = f'Bearer realm="{registry.url}/token", Basic realm="x", Bearer realm="{elsewhere.url}/token"'
    connect(registry).authenticate("team/app")
    assert len(registry.requests_to("/token")) == 1
    assert elsewhere.seen == []


def test_a_password_is_checked_once(basic: FakeRegistry, connect: Connect) -> None:
    """Until it was: an outage says nothing about it."""
    basic.push_image("team/app", "1.0")
    client = connect(basic)
    client.connect()
    for status, expected in ((503, RegistryUnreachable), (429, RateLimited)):
        basic.fault("/v2/", status=status, times=1)
        with pytest.raises(expected) as refused:
            client.authenticate("team/app")
        assert refused.value.response is not None
        assert refused.value.response.login
    for _ in range(3):
        client.authenticate("team/app")
    pings = [one for one in basic.seen if one.path == "/v2/"]
    assert [one.kind for one in pings] == ["", "basic", "basic", "basic"]


def refuse_pings(registry: FakeRegistry, status: int) -> None:
    """Refuse the login at the ping, and challenge the ping without one."""
    challenge = {"WWW-Authenticate": 'Basic realm="x"'}
    registry.fault("/v2/", status=status, headers=challenge, times=1)
    registry.fault("/v2/", status=401, headers=challenge, times=1)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_login_that_only_the_ping_refuses_is_good(status: int, basic: FakeRegistry, connect: Connect) -> None:
    """A login that may read one repository often may not read /v2/ itself: it is judged where it is used."""
    basic.push_image("team/app", "1.0")
    refuse_pings(basic, status)
    client = connect(basic)
    client.connect()
    client.authenticate("team/app", "1.0")
    fetch(client, "team/app")
    assert [(one.method, one.path, one.kind) for one in basic.seen] == [
        ("GET", "/v2/", ""),
        ("GET", "/v2/", "basic"),
        ("HEAD", "/v2/team/app/manifests/1.0", "basic"),
        ("GET", "/v2/team/app/manifests/1.0", "basic"),
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_ping_and_image_refuse_is_wrong(status: int, basic: FakeRegistry, connect: Connect) -> None:
    basic.push_image("team/app", "1.0")
    refuse_pings(basic, status)
    client = connect(basic, login=WRONG)
    client.connect()
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            client.authenticate("team/app", "1.0")
        with pytest.raises(AuthenticationFailed):
            fetch(client, "team/app")
    assert [one.kind for one in basic.seen] == ["", "basic", "basic"]


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_repository_may_want_a_token_where_the_ping_wants_the_login(
    status: int, registry: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    refuse_pings(registry, status)
    client = connect(registry)
    client.connect()
    client.authenticate("team/app", "1.0")
    for _ in range(2):
        fetch(client, "team/app")
    assert [one.kind for one in registry.requests_to("/manifests/")][-2:] == ["bearer", "bearer"]
    assert len(registry.requests_to("/token")) == 1


def test_a_login_that_may_not_read_this_repository_is_not_wrong(connect: Connect) -> None:
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}) as registry:
        refuse_pings(registry, 401)
        registry.fault("/manifests/", status=403)
        client = connect(registry)
        client.connect()
        client.authenticate("team/app", "1.0")
        with pytest.raises(AccessDenied):
            fetch(client, "team/app")


def test_a_wrong_login_where_the_ping_is_open(basic: FakeRegistry, connect: Connect) -> None:
    """It used to be no access to the repository."""
    basic.push_image("team/app", "1.0")
    basic.fault("/v2/", status=200, body=b"{}", times=1)
    client = connect(basic, login=WRONG)
    client.connect()
    client.authenticate("team/app", "1.0")
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            fetch(client, "team/app")
    assert secrets_seen(basic) == {"looking-glass"}
    assert [one.kind for one in basic.seen] == ["", "", "basic"]


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


@pytest.mark.parametrize("challenge", ["Bearer, Basic realm=x", 'Basic realm="x", Bearer service="y"'])
def test_basic_is_taken_where_bearer_names_no_sign_in_service(challenge: str, connect: Connect) -> None:
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}) as registry:
        registry.challenge = challenge
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
