"""Where the login is sent when a registry signs in at another host, over TLS with real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registries.failures import HostNotAllowed, PullFailed, TlsInvalid
from registries.oci.login import Login
from tests.support.fakes.registry import FakeRegistry
from tests.support.fakes.sign_in_pair import SignInPair, running_pair

from .conftest import ALICE, Connect, pull


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[SignInPair]:
    with running_pair(tmp_path, ALICE.username, ALICE.secret) as pair:
        yield pair


@pytest.fixture
def over_tls(connect: Connect, pair: SignInPair) -> Connect:
    def make(registry: FakeRegistry | str, login: Login | None = ALICE, **options: object) -> object:
        return connect(registry, login=login, ca_file=pair.authority.ca_file, **options)

    return make  # type: ignore[return-value]


def logins(registry: FakeRegistry) -> list[str]:
    return [one.path for one in registry.seen if one.kind == "basic"]


def test_an_unknown_host_is_named_and_gets_nothing(pair: SignInPair, over_tls: Connect) -> None:
    """dotnet/sdk-container-builds#284, docker/sbx-releases#535: final, and the credential was destroyed."""
    with pytest.raises(HostNotAllowed) as refusal:
        pull(over_tls(pair.registry), "team/app")
    failure = refusal.value
    assert failure.sign_in_host == pair.sign_in_host
    assert (failure.params["case"], failure.params["met"]) == ("realm", pair.sign_in_host)
    assert failure.keeps_credential
    assert pair.sign_in_host in failure.words.text
    assert pair.sign_in.seen == []
    assert logins(pair.registry) == []


def test_the_confirmed_host_gets_the_login(pair: SignInPair, over_tls: Connect) -> None:
    """jib#586, containers/image#1972: skopeo, docker and podman pull."""
    told: list[str] = []
    client = over_tls(pair.registry, sign_in_host=pair.sign_in_host, before_login_sent=told.append)
    pull(client, "team/app")
    assert told == [pair.sign_in_host]
    assert logins(pair.sign_in) == ["/token"]
    assert logins(pair.registry) == []


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://127.0.0.2:{port}/token", id="another host"),
        pytest.param("https://localhost:{other_port}/token", id="another port"),
        pytest.param("https://localhost/token", id="the usual port"),
        pytest.param("https://sub.localhost:{port}/token", id="a name below it"),
        pytest.param("https://localhost.evil.example:{port}/token", id="a name that begins like it"),
    ],
)
def test_a_different_host_later_is_named_again(address: str, pair: SignInPair, over_tls: Connect) -> None:
    pull(over_tls(pair.registry, sign_in_host=pair.sign_in_host), "team/app")
    del pair.sign_in.seen[:]
    pair.registry.realm = address.format(port=pair.sign_in.port, other_port=pair.registry.port)
    with pytest.raises(HostNotAllowed) as refusal:
        pull(over_tls(pair.registry, sign_in_host=pair.sign_in_host), "team/app")
    assert refusal.value.sign_in_host not in ("", pair.sign_in_host)
    assert pair.sign_in.seen == []


@pytest.mark.parametrize("address", ["https://alice@{host}/token", "https://{host}\\@evil.example/token", "//{host}/"])
def test_an_address_that_can_be_read_in_two_ways_is_not_the_confirmed_one(
    address: str, pair: SignInPair, over_tls: Connect
) -> None:
    pair.name_realm(address)
    with pytest.raises(HostNotAllowed) as refusal:
        pull(over_tls(pair.registry, sign_in_host=pair.sign_in_host), "team/app")
    assert (refusal.value.params["case"], refusal.value.sign_in_host) == ("realm_unreadable", "")
    assert pair.sign_in.seen == []


def test_the_confirmed_host_is_asked_over_tls_whatever_the_realm_says(pair: SignInPair, over_tls: Connect) -> None:
    """GitLab with an external_url of http behind a proxy that ends TLS, as harbor#3933."""
    pair.name_realm("HTTP://LOCALHOST:{port}/token")
    pull(over_tls(pair.registry, sign_in_host=pair.sign_in_host.upper()), "team/app")
    assert logins(pair.sign_in) == ["/token"]


def test_an_unencrypted_registry_gets_no_exception(
    pair: SignInPair, registry: FakeRegistry, elsewhere: FakeRegistry, over_tls: Connect
) -> None:
    """What a member confirms is an https address: its service is never asked unencrypted."""
    registry.realm = f"http://localhost:{elsewhere.port}/token"
    client = over_tls(registry, sign_in_host=f"localhost:{elsewhere.port}")
    with pytest.raises(PullFailed) as refusal:
        pull(client, "team/app")
    assert refusal.value.params["service"] == "sign_in"
    assert logins(elsewhere) == []


def test_its_certificate_must_be_its_own(pair: SignInPair, over_tls: Connect) -> None:
    """The one for 127.0.0.1 doesn't do for localhost."""
    pair.registry.realm = f"https://localhost:{pair.registry.port}/token"
    with pytest.raises(TlsInvalid) as refusal:
        pull(over_tls(pair.registry, sign_in_host=f"localhost:{pair.registry.port}"), "team/app")
    assert refusal.value.params["service"] == "sign_in"
    assert logins(pair.registry) == []


def test_it_may_not_pass_the_login_on(pair: SignInPair, over_tls: Connect) -> None:
    """A redirect of the confirmed host, even back to the registry."""
    pair.sign_in.fault("/token", status=307, headers={"Location": f"{pair.registry.url}/token"})
    with pytest.raises(PullFailed) as refusal:
        pull(over_tls(pair.registry, sign_in_host=pair.sign_in_host), "team/app")
    assert refusal.value.params["met"] == pair.sign_in_host
    assert logins(pair.registry) == []


def test_where_the_ping_is_open_the_repositorys_challenge_counts(pair: SignInPair, over_tls: Connect) -> None:
    """It came over TLS, so an http realm of the registry's own name is asked over https there too."""
    pair.registry.fault("/v2/", status=200, body=b"{}", times=1)
    pair.registry.realm = f"http://{pair.registry.host}/token"
    pull(over_tls(pair.registry), "team/app")
    pair.registry.fault("/v2/", status=200, body=b"{}", times=1)
    pair.name_realm("http://{host}/token")
    with pytest.raises(HostNotAllowed) as refusal:
        pull(over_tls(pair.registry, token_hosts=[pair.sign_in_host]), "team/app")
    assert refusal.value.params["case"] == "realm_plain"
    assert pair.sign_in.seen == []


def test_without_a_login_there_is_nothing_to_confirm(pair: SignInPair, over_tls: Connect) -> None:
    pair.registry.public.add("team/app")
    pair.sign_in.public.add("team/app")
    pull(over_tls(pair.registry, login=None), "team/app")
    assert [one.kind for one in pair.sign_in.seen] == [""]
