"""The ping: what answers as a registry, over TLS or not, and when a refusal is no verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from registries.failures import ImageNotFound, PullFailed, RegistryUnreachable
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, pull


def test_which_way_it_speaks_with_the_registry(registry: FakeRegistry, connect: Connect, tmp_path: Path) -> None:
    plain = connect(registry)
    assert plain.over_tls is False
    plain.connect()
    assert plain.over_tls is False
    authority = Authority(tmp_path)
    with FakeRegistry(tls=authority.issue("127.0.0.1")) as encrypted:
        client = connect(encrypted, ca_file=authority.ca_file)
        assert client.over_tls is False
        client.connect()
        assert client.over_tls is True


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, ""), (400, "registry_unreachable"), (429, "rate_limited"), (500, "registry_unreachable")],
)
def test_what_answers_as_a_registry(status: int, code: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/v2/", status=status)
    if code:
        with pytest.raises(PullFailed) as refusal:
            connect(registry).connect()
        assert refusal.value.code == code
    else:
        connect(registry).connect()


@pytest.mark.parametrize("status", [200, 403, 404, 405])
@pytest.mark.parametrize("auth", ["none", "basic", "bearer"])
def test_a_ping_that_is_closed_to_everybody_is_no_verdict(status: int, auth: str, connect: Connect) -> None:
    """containers/image#1640 and siblings: proxies pass on only the paths of repositories, or let nobody read "/v2/".
    The repository's own challenge says how to sign in."""
    with FakeRegistry(auth=auth, users={"alice": "wonderland"}) as registry:
        registry.push_image("team/app", "1.0")
        registry.fault("/v2/", status=status, body=b"<html>closed</html>", times=1)
        pull(connect(registry), "team/app")
        assert registry.seen[0].path == "/v2/"


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_host_that_is_no_registry_is_still_called_that(status: int, registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/v2/", status=status, body=b"<html>not here</html>")
    client = connect(registry)
    client.connect()
    with pytest.raises(RegistryUnreachable) as refusal:
        client.fetch_manifest("team/app", "1.0")
    assert "does not answer as a container registry" in refusal.value.words.text


def test_a_website_that_shows_a_page_for_every_address_is_no_registry(
    elsewhere: FakeRegistry, connect: Connect
) -> None:
    """A product's own pages, where the host of its registry was meant: with 200 for "/v2/", and 404 for the rest."""
    elsewhere.fault("/v2/", status=404, body=b"<html>not here</html>")
    elsewhere.fault("/v2/", status=200, body=b"<!DOCTYPE html><html>Sign in</html>", times=1)
    client = connect(elsewhere)
    client.connect()
    with pytest.raises(RegistryUnreachable) as refusal:
        client.fetch_manifest("team/app", "1.0")
    assert "does not answer as a container registry" in refusal.value.words.text


def test_a_missing_image_is_missing_though_the_ping_is_closed(elsewhere: FakeRegistry, connect: Connect) -> None:
    elsewhere.push_image("team/app", "1.0")
    elsewhere.fault("/v2/", status=404, times=1)
    with pytest.raises(ImageNotFound):
        pull(connect(elsewhere), "team/app", "2.0")
