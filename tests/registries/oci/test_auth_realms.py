"""Who gets the login: the registry, a sign-in service that may have it, and nobody who is not noted before."""

from __future__ import annotations

import pytest

from registries.failures import (
    HostNotAllowed,
    RegistryUnreachable,
)
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, pull, secrets_seen


@pytest.mark.parametrize(
    "realm",
    [
        "http://localhost:{port}/token",
        "https://localhost:{port}/token",
        "http://127.0.0.1.evil.example:{port}/token",
        "http://a127.0.0.1:{port}/token",
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
    """Vouched for are another port, and another host."""
    registry.realm = realm.format(port=elsewhere.port) or " "
    token_hosts = ["localhost", f"localhost:{registry.port}", f"auth.example:{elsewhere.port}"]
    with pytest.raises(HostNotAllowed) as refusal:
        pull(connect(registry, token_hosts=token_hosts), "team/app")
    params = refusal.value.params
    assert params["host"] == registry.host
    assert params["service"] == "sign_in"
    assert str(params["case"]).startswith("realm")
    assert secrets_seen(registry, elsewhere) == set()


def test_a_token_host_that_was_vouched_for_gets_it(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.realm = f"http://localhost:{elsewhere.port}/token"
    elsewhere.users = registry.users
    client = connect(registry, token_hosts=["auth.example", f"LOCALHOST:{elsewhere.port}"])
    client.connect()
    client.authenticate("team/app")
    assert secrets_seen(elsewhere) == {"wonderland"}


def test_a_realm_at_another_port_of_the_registry_gets_it(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.realm = f"http://127.0.0.1:{elsewhere.port}/token"
    elsewhere.users = registry.users
    connect(registry).authenticate("team/app")
    assert secrets_seen(elsewhere) == {"wonderland"}


def test_who_gets_the_login_is_told_before_it_is_sent_and_once(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.push_image("team/other", "1.0")
    registry.realm = f"http://127.0.0.1:{elsewhere.port}/token"
    elsewhere.fault("/token", status=503)
    told: list[tuple[str, int]] = []
    client = connect(registry, before_login_sent=lambda host: told.append((host, len(elsewhere.seen))))
    for repository in ("team/app", "team/other"):
        with pytest.raises(RegistryUnreachable):
            client.authenticate(repository)
    assert told == [(elsewhere.host, 0)]
    assert len(elsewhere.seen) == 2


def test_a_login_that_can_not_be_noted_is_not_sent(
    basic: FakeRegistry, registry: FakeRegistry, connect: Connect
) -> None:
    """Whoever notes the host may refuse, and is asked again before the next login."""
    told: list[str] = []

    def refuse(host: str) -> None:
        told.append(host)
        raise RegistryUnreachable(host=host)

    for asked in (basic, registry):
        client = connect(asked, before_login_sent=refuse)
        for _ in range(2):
            with pytest.raises(RegistryUnreachable):
                client.authenticate("team/app")
        assert secrets_seen(asked) == set()
    assert told == [basic.host] * 2 + [registry.host] * 2


def test_nobody_is_told_of_a_login_that_is_not_there(registry: FakeRegistry, connect: Connect) -> None:
    registry.public.add("team/app")
    told: list[str] = []
    connect(registry, login=None, before_login_sent=told.append).authenticate("team/app")
    assert told == []


def test_a_realm_elsewhere_is_asked_without_credentials(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.realm = f"http://localhost:{elsewhere.port}/token"
    client = connect(registry, login=None)
    client.connect()
    client.authenticate("team/app")
    assert [one.kind for one in elsewhere.seen] == [""]
