"""Redirects: which are followed, and what is sent along."""

from __future__ import annotations

from pathlib import Path

import pytest

from registries.failures import (
    HostNotAllowed,
    HostUnknown,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryUnreachable,
)
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, fetch, pull

BIG = bytes(range(256)) * 2000


def test_blobs_that_lie_at_a_storage_host(registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [b"one", BIG])
    registry.redirect_blobs_to(elsewhere)
    pull(connect(registry), "team/app")
    assert len(elsewhere.seen) == 3
    assert {one.kind for one in elsewhere.seen} == {""}
    assert {one.kind for one in registry.requests_to("/blobs/")} == {"bearer"}
    assert all("signature=once" in one.query for one in elsewhere.seen)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("X-Amz-Signature=a%2bb%2f%3d&X-Amz-Date=20261129T000000Z", None),
        ("sig=Zm9v%2Bbar%3D&se=2026-11-30T00%3A00%3A00Z&sp=r&sv=", None),
        ("Expires=1&Signature=a~b-c_&Key-Pair-Id=APKA", None),
        ("response-content-disposition=attachment;%20filename=a.tar&&x=1?2/3", None),
        ("token=a|b&name={c}", "token=a%7Cb&name=%7Bc%7D"),
        ('name="layer one"', "name=%22layer%20one%22"),
        ("name=caf\u00c3\u00a9", "name=caf%C3%A9"),
        ("name=^`<x>\\[1]", "name=%5E%60%3Cx%3E%5C%5B1%5D"),
        ("rate=100%&x=%zz", "rate=100%25&x=%25zz"),
    ],
)
def test_a_signed_address_arrives_as_it_was_sent(
    query: str, sent: str | None, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    """psf/requests#6473: `%2b` went out as `%2B`, and the storage refused the signature."""
    registry.push_image("team/app", "1.0")
    elsewhere.blobs = registry.blobs
    registry.fault("/blobs/", redirect=f"{elsewhere.url}/storage/a%2bb{{path}}?{query}")
    pull(connect(registry), "team/app")
    assert {one.query for one in elsewhere.seen} == {query if sent is None else sent}
    assert all(one.path.startswith("/storage/a%2bb/v2/") for one in elsewhere.seen)


@pytest.mark.parametrize(
    "encoding", ["gzip", "x-gzip", "none", "binary"], ids=lambda encoding: f"moby/moby#17595 {encoding}"
)
def test_a_label_of_an_encoding_ends_no_pull(encoding: str, registry: FakeRegistry, connect: Connect) -> None:
    """On everything that a registry sends: tokens, tags, manifests by tag and by digest, configs, layers."""
    registry.push_image("team/app", "1.0", index=True)
    registry.fault("/", headers={"Content-Encoding": encoding})
    client = connect(registry)
    pull(client, "team/app")
    assert client.tags("team/app") == ["1.0"]


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


def test_authorization_does_not_follow_to_another_name_of_the_same_machine(
    registry: FakeRegistry, connect: Connect
) -> None:
    """The port is the registry's, the host is not."""
    registry.push_image("team/app", "1.0")
    for digest in registry.blobs:
        registry.fault(f"/blobs/{digest}", redirect=f"http://localhost:{registry.port}/storage/{digest}")
    pull(connect(registry), "team/app")
    assert {one.kind for one in registry.requests_to("/storage/")} == {""}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(
    status: int, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.redirect_blobs_to(elsewhere)
    to = f"{elsewhere.url}/storage/{{digest}}"
    for digest in registry.blobs:
        registry.fault(f"/blobs/{digest}", status=status, headers={"Location": to.format(digest=digest)})
    pull(connect(registry), "team/app")
    assert len(elsewhere.seen) == 2


@pytest.mark.parametrize("status", [300, 304, 305, 306, 307])
def test_what_is_no_redirect_is_not_followed(
    status: int, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    headers = {"Location": elsewhere.url} if status != 307 else {}
    registry.fault("/manifests/", status=status, headers=headers)
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == str(status)
    assert elsewhere.seen == []


def test_five_redirects_are_followed(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", redirect="{path}", times=5)
    pull(connect(registry), "team/app")
    assert len(registry.requests_to("/manifests/")) == 6
    registry.fault("/manifests/", redirect="{path}", times=6)
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "redirect"


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
    with pytest.raises((HostNotAllowed, HostUnknown)) as refusal:
        pull(connect(registry), "team/app")
    params = refusal.value.params
    assert (params["host"], params["service"], params["case"]) == (registry.host, "storage", "service")
    assert str(params["met"]) in refusal.value.words.text


def test_an_encrypted_download_stays_encrypted_at_each_redirect(
    elsewhere: FakeRegistry, connect: Connect, tmp_path: Path
) -> None:
    """A storage host may not send it on to plain HTTP either, even where that is open."""
    authority = Authority(tmp_path)
    certificate = authority.issue("127.0.0.1")
    with FakeRegistry(tls=certificate) as registry, FakeRegistry(tls=certificate) as storage:
        registry.push_image("team/app", "1.0")
        registry.redirect_blobs_to(storage)
        storage.fault("/storage/", redirect=f"{elsewhere.url}{{path}}")
        with pytest.raises(RegistryUnreachable) as refusal:
            pull(connect(registry, login=None, ca_file=authority.ca_file), "team/app")
    assert refusal.value.raw == "redirect"
    assert (len(storage.seen), elsewhere.seen) == (1, [])


@pytest.mark.parametrize(
    "target",
    [
        "",
        "http://alice:x@127.0.0.1/",
        "gopher://127.0.0.1/",
        "http://a\\b/",
        "\x7f",
        "/a\x00b",
        "/a\tb",
        "http:/x",
        "///x",
    ],
)
def test_redirects_to_nowhere(target: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/blobs/", redirect=target)
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "redirect"
    assert len(registry.requests_to("/blobs/")) == 1


def test_a_storage_host_that_refuses_is_worth_another_try(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "storage 403"


def test_a_storage_host_that_asks_for_a_login_gets_none(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    registry.redirect_blobs_to(elsewhere)
    challenge = f'Bearer realm="{elsewhere.url}/token"'
    elsewhere.fault("/storage/", status=401, headers={"WWW-Authenticate": challenge})
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "storage 401"
    assert [one.path.split("/")[1] for one in elsewhere.seen] == ["storage"]
    assert len(registry.requests_to("/token")) == 1


def test_a_storage_host_may_ask_to_wait(registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", status=429, headers={"Retry-After": "9"})
    with pytest.raises(RateLimited) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.retry_after == 9


@pytest.mark.parametrize("with_login", [True, False])
def test_a_failure_knows_whether_credentials_were_sent(
    with_login: bool, registry: FakeRegistry, connect: Connect
) -> None:
    registry.public.add("team/app")
    client = connect(registry) if with_login else connect(registry, login=None)
    with pytest.raises(ImageNotFound) as refusal:
        client.fetch_manifest("team/app", "1.0")
    assert refusal.value.response is not None
    assert refusal.value.response.login is with_login


def test_whether_a_blob_may_be_read_is_asked_without_reading_it(registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", [BIG])
    client = connect(registry)
    [layer] = fetch(client, "team/app").layers
    registry.seen.clear()
    assert client.has_blob("team/app", layer)
    assert [(one.method, one.kind) for one in registry.seen] == [("HEAD", "bearer")]
    del registry.blobs[pushed.layer_digests[0]]
    assert not client.has_blob("team/app", layer)
    for status in (401, 403, 404, 429, 500):
        registry.fault("/blobs/", status=status)
        assert not client.has_blob("team/app", layer)
    assert len(registry.requests_to("/token")) == 1  # asked once more after the 401


def test_whether_a_blob_elsewhere_may_be_read_is_asked_for_one_byte(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    """Signed addresses are valid for GET only."""
    registry.push_image("team/app", "1.0", [BIG])
    client = connect(registry)
    [layer] = fetch(client, "team/app").layers
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", method="HEAD", status=403)
    assert client.has_blob("team/app", layer)
    [asked] = elsewhere.seen
    assert (asked.method, asked.kind, asked.headers["range"]) == ("GET", "", "bytes=0-0")
    elsewhere.ranges = False
    assert client.has_blob("team/app", layer)
    elsewhere.fault("/storage/", status=403)
    with pytest.raises(RegistryUnreachable):
        client.has_blob("team/app", layer)


@pytest.mark.parametrize("address", ["http://{host}", "http://127.0.0.1"], ids=["scheme", "scheme and port"])
def test_a_proxy_that_forgets_tls_in_a_redirect_means_its_own_origin(
    address: str, connect: Connect, tmp_path: Path
) -> None:
    """distribution/distribution#1025: behind nginx or Traefik without X-Forwarded-Proto, addresses are http:// ones."""
    authority = Authority(tmp_path)
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}, tls=authority.issue("127.0.0.1")) as registry:
        registry.push_image("team/app", "1.0", [b"one"])
        where = address.format(host=registry.host)
        registry.fault("/v2/team/app/blobs/", redirect=f"{where}{{path}}?x=%2b", times=1)
        pull(connect(registry, ca_file=authority.ca_file), "team/app")
        [_, again, *_] = registry.requests_to("/blobs/")
        assert (again.query, again.kind) == ("x=%2b", "bearer")


def test_storage_without_tls_is_named(connect: Connect, tmp_path: Path) -> None:
    """harbor#20588: a private MinIO, here as it is often set up, over http. Nothing was wrong at the registry's own
    address."""
    authority = Authority(tmp_path)
    with FakeRegistry(tls=authority.issue("127.0.0.1")) as registry:
        registry.push_image("team/app", "1.0")
        registry.fault("/blobs/", redirect="http://minio_data:9000{path}")
        with pytest.raises(RegistryUnreachable) as refusal:
            pull(connect(registry, login=None, ca_file=authority.ca_file), "team/app")
    failure = refusal.value
    assert (failure.params["service"], failure.params["met"]) == ("storage", "minio_data:9000")
    assert (failure.retryable, failure.keeps_credential) == (False, True)
    assert "minio_data:9000" in failure.words.text
    assert "turn off its redirect" in failure.words.remedy
