"""Redirects: which are followed, and what is sent along."""

from __future__ import annotations

import pytest

from registries.failures import (
    HostNotAllowed,
    PullFailed,
    RegistryUnreachable,
)
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, pull

BIG = bytes(range(256)) * 2000


def test_blobs_that_lie_at_a_storage_host(registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [b"one", BIG])
    registry.redirect_blobs_to(elsewhere)
    pull(connect(registry), "team/app")
    assert len(elsewhere.seen) == 3
    assert {one.kind for one in elsewhere.seen} == {""}
    assert {one.kind for one in registry.requests_to("/blobs/")} == {"bearer"}
    assert all("signature=once" in one.query for one in elsewhere.seen)


def test_authorization_does_not_come_back_with_a_redirect(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", redirect=f"{registry.url}/back{{path}}")
    with pytest.raises(PullFailed):
        pull(connect(registry), "team/app")
    assert {one.kind for one in registry.requests_to("/back")} == {""}


def test_authorization_stays_with_a_redirect_on_the_same_host(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.push_image("team/moved", "1.0")
    registry.fault("/v2/team/app/manifests/", redirect="/v2/team/app/manifests/1.0?again=1", times=1)
    pull(connect(registry), "team/app")
    assert [one.kind for one in registry.requests_to("/manifests/")] == ["bearer", "bearer"]


def test_redirects_end(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/blobs/", redirect="{path}")
    with pytest.raises(RegistryUnreachable):
        pull(connect(registry), "team/app")
    assert len(registry.requests_to("/blobs/")) == 6


@pytest.mark.parametrize(
    "target",
    ["http://10.0.0.1/x", "http://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/", "https://metadata.google.internal/",
     "http://127.0.0.1:6379/", "http://0x7f000001/"],
)  # fmt: skip
def test_redirects_into_private_networks_are_not_followed(
    target: str, registry: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/blobs/", redirect=target)
    with pytest.raises(HostNotAllowed) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.params == {"host": registry.host}


@pytest.mark.parametrize("target", ["", "http://alice:x@127.0.0.1/", "gopher://127.0.0.1/", "http://a\\b/", "\x7f"])
def test_redirects_to_nowhere(target: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/blobs/", redirect=target)
    with pytest.raises(PullFailed):
        pull(connect(registry), "team/app")


def test_a_storage_host_that_refuses_is_worth_another_try(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "storage 403"
