"""Scopes that a registry demands beyond the pull scope that is asked for first."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from registries.failures import AccessDenied
from registries.oci.scopes import demanded, harmless
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, fetch

PULL = "repository:team/app:pull"


def refuse(registry: FakeRegistry, scope: str, *, status: int = 401, error: str = "insufficient_scope") -> None:
    challenge = f'Bearer realm="{registry.realm or f"{registry.url}/token"}",service="x",scope="{scope}"'
    challenge += f',error="{error}"' if error else ""
    registry.fault("/manifests/", status=status, headers={"WWW-Authenticate": challenge}, times=1)


def asked_scopes(registry: FakeRegistry) -> list[list[str]]:
    """The scopes of each request for a token, but for the one without any, which only tests the login."""
    return [scopes for one in registry.requests_to("/token") if (scopes := parse_qs(one.query).get("scope"))]


@pytest.fixture(autouse=True)
def _any_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake registry's tokens admit to the first repository that is asked for: here, to all."""
    issue = FakeRegistry.issue_token
    monkeypatch.setattr(FakeRegistry, "issue_token", lambda self, seen, _: issue(self, seen, "team/app"))


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "scope",
    [
        "repository:mirror/team/app:pull",
        "repository:team/app:metadata_read,pull",
        "repository:team/app:pull,push",
        "registry:catalog:*",
        "repository(plugin):team/app:pull",
        "repository:base:pull repository:other:pull",
    ],
)
def test_another_scope_gets_one_new_token(scope: str, status: int, registry: FakeRegistry, connect: Connect) -> None:
    """containers/image#1640; RFC 6750 says 403, as IBM's registry does (devcontainers/cli#945)."""
    registry.push_image("team/app", "1.0")
    refuse(registry, scope, status=status)
    fetch(connect(registry), "team/app")
    assert asked_scopes(registry) == [[PULL], [*scope.split(), PULL]]
    assert len({one.secret for one in registry.requests_to("/manifests/")}) == 2


def test_another_scope_without_a_word_about_the_error(registry: FakeRegistry, connect: Connect) -> None:
    """google/go-containerregistry#724."""
    registry.push_image("team/app", "1.0")
    refuse(registry, "repository:mirror/team/app:pull", error="")
    fetch(connect(registry), "team/app")
    assert asked_scopes(registry)[1:] == [["repository:mirror/team/app:pull", PULL]]


def test_a_registry_with_an_open_ping_may_demand_it_too(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    for scope in ("repository:b:pull", "repository:a:pull"):
        refuse(registry, scope)
    registry.fault("/v2/", status=200, body=b"{}", times=1)
    registry.faults.append(registry.faults.pop(0))  # the ping alone
    client = connect(registry)
    client.connect()
    fetch(client, "team/app")
    assert asked_scopes(registry) == [["repository:a:pull", PULL], ["repository:b:pull", PULL]]


def test_the_second_token_is_the_last(registry: FakeRegistry, connect: Connect) -> None:
    for number in range(6):
        refuse(registry, f"repository:other{number}:pull")
    with pytest.raises(AccessDenied):
        fetch(connect(registry), "team/app")
    assert len(asked_scopes(registry)) == 2
    assert len(registry.requests_to("/manifests/")) == 2


@pytest.mark.parametrize(
    ("scope", "status", "error"),
    [
        (PULL, 401, "insufficient_scope"),
        (PULL, 403, "insufficient_scope"),
        ("", 401, "insufficient_scope"),
        ("*", 401, "insufficient_scope"),
        ("repository:x", 401, "insufficient_scope"),
        ("repository:other:pull", 403, ""),
        ("repository:other:pull", 401, "access_denied"),
    ],
)
def test_without_another_scope_it_is_no_access(
    scope: str, status: int, error: str, registry: FakeRegistry, connect: Connect
) -> None:
    refuse(registry, scope, status=status, error=error)
    with pytest.raises(AccessDenied):
        fetch(connect(registry), "team/app")
    assert len(asked_scopes(registry)) == 1


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("repository:team/secret:pull", None),
        ("repository:team/app:push,delete", None),
        ("repository:team/app:pull,push", None),
        ("repository:team/app:metadata_read,push", ["repository:team/app:metadata_read", PULL]),
    ],
)
def test_another_host_is_asked_to_read_this_repository_only(
    scope: str, asked: list[str] | None, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    """The registry gets the token, and another registry may accept it."""
    registry.realm = f"http://localhost:{elsewhere.port}/token"
    elsewhere.users = registry.users
    elsewhere._tokens = registry._tokens
    registry.push_image("team/app", "1.0")
    refuse(registry, scope)
    client = connect(registry, token_hosts=[f"localhost:{elsewhere.port}"])
    if asked is None:
        with pytest.raises(AccessDenied):
            fetch(client, "team/app")
    else:
        fetch(client, "team/app")
    assert asked_scopes(elsewhere) == ([[PULL]] if asked is None else [[PULL], asked])


def test_what_a_challenge_demands() -> None:
    say = 'Bearer realm="x",error="insufficient_scope",scope="{}"'
    assert demanded('Basic realm="x", ' + say.format("a:b:c")) == ("a:b:c",)
    assert demanded(say.format("a:b:c  a:b:c d:e/f:g,h")) == ("a:b:c", "d:e/f:g,h")
    assert len(demanded(say.format(" ".join(f"a:b{number}:c" for number in range(9))))) == 4
    for nothing in ("", "a", "a:b", "A:b:c", "a::c", "a:b:c&d", "a:b:c\u00e9"):
        assert demanded(say.format(nothing)) == ()
    assert demanded('Basic realm="x", scope="a:b:c"') == ()
    assert demanded('Bearer scope="a:b:c",error="invalid_token"') == ()
    assert harmless(("repository:x:pull,push", "repository:y:pull", "repository:x:*"), "x") == ("repository:x:pull",)
