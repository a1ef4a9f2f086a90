"""What is refused after signing in: by whom, for how long, and what is tried before it is a failure."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    HostNotAllowed,
    PullFailed,
    RateLimited,
    RegistryUnreachable,
)
from registries.oci import auth
from registries.oci.address_guard import AddressGuard
from registries.oci.login import Login
from tests.support.fakes.certificates import Authority
from tests.support.fakes.faults import Fault
from tests.support.fakes.registry import FakeRegistry
from tests.support.fakes.registry_http import Seen

from .conftest import Connect, pull


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made, none of which takes any time."""
    made: list[float] = []
    monkeypatch.setattr("registries.oci.auth.time.sleep", made.append)
    return made


def refuse_token(registry: FakeRegistry, where: str = "/manifests/", *, error: str, times: int | None = None) -> None:
    challenge = f'Bearer realm="{registry.url}/token",service="fake",error="{error}"'
    registry.fault(where, status=401, headers={"WWW-Authenticate": challenge}, times=times)


@pytest.mark.parametrize("where", ["/manifests/", "/blobs/"])
def test_a_fresh_token_that_is_called_invalid_once_is_replaced(
    where: str, registry: FakeRegistry, connect: Connect, pauses: list[float]
) -> None:
    """docker/hub-feedback#647: the clock of one replica, or one that doesn't know the token yet."""
    registry.push_image("team/app", "1.0")
    refuse_token(registry, where, error="invalid_token", times=1)
    pull(connect(registry), "team/app")
    assert len(registry.requests_to("/token")) == 2
    assert pauses == ([auth.INVALID_TOKEN_PAUSE] if where == "/manifests/" else [])


def test_a_second_one_that_is_called_invalid_may_work_later(
    registry: FakeRegistry, connect: Connect, pauses: list[float]
) -> None:
    """docker/hub-feedback#647: retried by the pull, and nobody has to enter the credential again."""
    registry.push_image("team/app", "1.0")
    refuse_token(registry, error="invalid_token")
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    failure = refusal.value
    assert (failure.retryable, failure.keeps_credential, failure.raw) == (True, True, "401 invalid_token")
    assert (failure.params["service"], failure.params["met"]) == ("registry", registry.host)
    assert len(registry.requests_to("/token")) == 2
    assert len(pauses) == 1


def test_one_that_replaces_a_token_which_worked_may_be_called_invalid_as_well(
    registry: FakeRegistry, connect: Connect, pauses: list[float]
) -> None:
    registry.push_image("team/app", "1.0", [b"one"])
    refuse_token(registry, "/blobs/", error="invalid_token", times=2)
    pull(connect(registry), "team/app")
    assert len(registry.requests_to("/token")) == 3
    assert len(pauses) == 1


def test_a_token_that_grants_nothing_is_not_replaced(
    registry: FakeRegistry, connect: Connect, pauses: list[float]
) -> None:
    registry.push_image("team/app", "1.0")
    refuse_token(registry, error="access_denied")
    with pytest.raises(AccessDenied):
        pull(connect(registry), "team/app")
    assert len([one for one in registry.requests_to("/token") if "scope" in one.query]) == 1
    assert pauses == []


@pytest.fixture
def half_open() -> FakeRegistry:
    """A registry whose ping is open to everybody, and whose images need Basic credentials."""
    return FakeRegistry(auth="basic", users={"alice": "wonderland"}, grants={"alice": {"team/app"}})


@pytest.mark.parametrize(
    ("secret", "repository", "failure"),
    [
        pytest.param("wonderland", "team/app", None, id="right"),
        pytest.param("wrong", "team/app", AuthenticationFailed, id="wrong"),
        pytest.param("", "team/app", AuthenticationFailed, id="empty"),
    ],
)
def test_a_wrong_password_where_the_ping_is_open(
    secret: str, repository: str, failure: type[PullFailed] | None, half_open: FakeRegistry, connect: Connect
) -> None:
    """Nexus and Artifactory with anonymous access: "/v2/" says 200 to everybody, and it read "may not read this
    repository"."""
    with half_open as registry:
        registry.push_image("team/app", "1.0")
        registry.fault("/v2/", status=200, body=b"{}", times=1)
        client = connect(registry, login=Login("alice", secret))
        if failure is None:
            pull(client, repository)
            return
        for _ in range(2):
            with pytest.raises(failure):
                pull(client, repository)
        sent = [one for one in registry.seen if one.kind == "basic"]
        assert len(sent) == 1, "a refused password is not sent twice"


def test_a_login_that_has_worked_may_lack_a_permission(half_open: FakeRegistry, connect: Connect) -> None:
    with half_open as registry:
        registry.push_image("team/app", "1.0")
        registry.fault("/v2/", status=200, body=b"{}", times=1)
        client = connect(registry)
        pull(client, "team/app")
        registry.fault("/blobs/", status=401, headers={"WWW-Authenticate": "Basic"})
        with pytest.raises(AccessDenied):
            pull(client, "team/app")


@pytest.mark.parametrize("login", [Login("alice", "wonderland"), None])
def test_an_http_realm_on_the_registrys_own_name_is_asked_over_https(
    login: Login | None, tmp_path: Path, connect: Connect, loopback: AddressGuard
) -> None:
    """harbor#3933: Harbor behind a proxy that ends TLS names its token service with http://."""
    authority = Authority(tmp_path)
    with FakeRegistry(
        auth="bearer", users={"alice": "wonderland"}, public=["team/app"], tls=authority.issue("127.0.0.1")
    ) as registry:
        registry.push_image("team/app", "1.0")
        registry.realm = f"http://{registry.host}/token"
        pull(connect(registry, login=login, ca_file=authority.ca_file), "team/app")
        assert len(registry.requests_to("/token")) == 1


def test_an_http_realm_elsewhere_is_not(tmp_path: Path, connect: Connect, elsewhere: FakeRegistry) -> None:
    authority = Authority(tmp_path)
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}, tls=authority.issue("127.0.0.1")) as registry:
        registry.realm = f"http://localhost:{elsewhere.port}/token"
        with pytest.raises(HostNotAllowed) as refusal:
            pull(connect(registry, ca_file=authority.ca_file, token_hosts=[f"localhost:{elsewhere.port}"]), "team/app")
        assert refusal.value.params["case"] == "realm_plain"
        assert "without TLS" in refusal.value.words.text
        assert elsewhere.seen == []


@pytest.mark.parametrize(
    "realm", ["/service/token", "harbor.example/service/token", "https://", "ftp://harbor.example/"]
)
def test_a_realm_that_cant_be_read_has_words_of_its_own(realm: str, registry: FakeRegistry, connect: Connect) -> None:
    """harbor#3933 and siblings: it read "wants the credentials shown to another host"."""
    registry.realm = realm
    with pytest.raises(HostNotAllowed) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.params["case"] == "realm_unreadable"
    assert "can't be read" in refusal.value.words.text
    assert "another host" not in refusal.value.words.text
    assert "https://" in refusal.value.words.remedy


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<!DOCTYPE html><html><body>Sign in</body></html>", id="docker/cli#5304"),
        pytest.param(b"\n\n  <html>maintenance</html>", id="blanks before it"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"upstream connect error", id="text of a proxy"),
        pytest.param(b"[]", id="another kind of JSON"),
        pytest.param(b'{"errors":[{"code":"UNAVAILABLE","message":"x"}]}', id="an error with 200"),
    ],
)
def test_what_is_no_manifest_at_all_is_the_registrys_fault(
    body: bytes, registry: FakeRegistry, connect: Connect
) -> None:
    """docker/cli#5304: a web page with 200 read "this is not an image", the customer's fault and final."""
    registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", status=200, body=body, headers={"Content-Type": "text/html"})
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    failure = refusal.value
    assert (failure.fault, failure.retryable, failure.keeps_credential) == ("registry", True, True)
    assert "such as a web page" in failure.words.text
    assert failure.words.title == "The registry did not answer as it should"


@pytest.mark.parametrize(
    ("code", "failure", "keeps"),
    [("UNAUTHORIZED", AuthenticationFailed, False), ("DENIED", AccessDenied, True)],
)
def test_a_refusal_says_what_the_registry_said(
    code: str, failure: type[PullFailed], keeps: bool, half_open: FakeRegistry, connect: Connect
) -> None:
    """Nexus, Artifactory: a 401 to Basic where the ping is open. It had no response that a rule could read, and ended
    the credential even where the registry says that a permission is missing."""
    with half_open as registry:
        registry.fault("/v2/", status=200, body=b"{}", times=1)
        body = b'{"errors":[{"code":"%s","message":"Not Permitted"}]}' % code.encode()
        challenge = {"WWW-Authenticate": 'Basic realm="x"'}
        registry.fault("/manifests/", status=401, body=body, headers=challenge)
        with pytest.raises(failure) as refusal:
            pull(connect(registry), "team/app")
        response = refusal.value.response
        assert response is not None
        assert (response.code, response.message, response.login) == (code, "not permitted", True)
        assert (response.stage, response.version) == ("manifest", "1.0")
        assert refusal.value.keeps_credential is keeps
        assert refusal.value.raw == f"401 {code}"


def test_a_token_that_grants_nothing_has_a_response_too(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.grant_nothing = True
    with pytest.raises(AccessDenied) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.response is not None
    assert (refusal.value.response.status, refusal.value.response.login) == (401, True)


def test_others_are_not_kept_waiting_while_one_pauses(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause before another token is made without the lock that every request needs."""
    registry.push_image("team/app", "1.0")
    registry.push_image("team/other", "1.0")
    client = connect(registry)
    client.authenticate("team/other")
    found: list[str] = []

    def pause(seconds: float) -> None:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(client.fetch_manifest, "team/other", "1.0").result(timeout=10)
        found.append(other.digest)

    monkeypatch.setattr("registries.oci.auth.time.sleep", pause)
    refuse_token(registry, "team/app/manifests/", error="invalid_token", times=1)
    pull(client, "team/app")
    assert len(found) == 1


class GenerousRegistry(FakeRegistry):
    """Gives a token that opens nothing to a wrong login, if it asks for a scope."""

    def log(self, seen: Seen) -> Fault:
        fault = super().log(seen)
        is_wrong = seen.path == "/token" and self.users.get(seen.username) != seen.secret
        if fault.where or not is_wrong or "scope" not in seen.query:
            return fault
        token = self.issue_token(replace(seen, kind="", username="", secret=""), "team/app")
        return Fault("/token", status=200, body=json.dumps({"token": token}).encode())


@pytest.mark.parametrize(
    ("secret", "repository", "failure"),
    [
        pytest.param("wrong", "team/app", AuthenticationFailed, id="wrong"),
        pytest.param("wonderland", "team/secret", AccessDenied, id="right, without permission"),
    ],
)
def test_a_wrong_login_that_gets_a_token_which_opens_nothing(
    secret: str, repository: str, failure: type[PullFailed], connect: Connect, pauses: list[float]
) -> None:
    """Harbor's token service: a wrong secret read "may not read this repository", and the credential was kept."""
    grants = {"alice": {"team/app"}}
    with GenerousRegistry(auth="bearer", users={"alice": "wonderland"}, grants=grants) as registry:
        registry.push_image(repository, "1.0")
        client = connect(registry, login=Login("alice", secret))
        for _ in range(2):
            with pytest.raises(failure):
                pull(client, repository)
        # For the repository, and for none.
        assert len([one for one in registry.requests_to("/token") if one.kind == "basic"]) == 2
    assert pauses == []


def test_a_limit_of_logins_is_no_wrong_password(connect: Connect) -> None:
    """Artifactory and others turn away every login for a while after some wrong ones. The ping says so in words, and a
    HEAD of the manifest says nothing: it was read as a wrong password, and the credential ended."""
    said = b'{"errors":[{"status":401,"message":"Blocked due to recurrent login failures, please try again"}]}'
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}) as registry:
        registry.push_image("team/app", "1.0")
        client = connect(registry)
        client.connect()
        registry.fault("/v2/", status=401, body=said)
        with pytest.raises(RateLimited):
            client.authenticate("team/app", "1.0")
        assert len([one for one in registry.seen if one.kind]) == 1


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        ("", "asks for credentials without saying how"),
        ("Negotiate, NTLM", "in a way that the portal doesn't know (negotiate, ntlm)"),
        ('Digest realm="x", nonce="y"', "in a way that the portal doesn't know (digest)"),
    ],
)
def test_a_login_that_was_not_sent_was_not_refused(challenge: str, said: str, connect: Connect) -> None:
    """A proxy that drops WWW-Authenticate, or that signs in its own way: it read "may not read this repository"."""
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}) as registry:
        registry.push_image("team/app", "1.0")
        registry.fault("/v2/", status=401, headers={"WWW-Authenticate": challenge} if challenge else {})
        with pytest.raises(AccessDenied) as refusal:
            pull(connect(registry), "team/app")
        assert (refusal.value.params["case"], refusal.value.keeps_credential) == ("unasked", True)
        assert said in refusal.value.words.text
        assert not [one for one in registry.seen if one.kind]
        with pytest.raises(AccessDenied) as denied:
            pull(connect(registry, login=None), "team/app")
        assert denied.value.params["case"] == "none_given"
