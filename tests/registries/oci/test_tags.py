"""The tags of a repository, page by page, and how many pulls are left."""

from __future__ import annotations

import json

import pytest

from registries.failures import AccessDenied, ImageNotFound, RegistryUnreachable
from registries.oci.rate_limits import PullLimits, read_limits
from registries.oci.tags import MAX_PAGES, MAX_TAGS
from tests.support.fakes.images import build_image
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect

HUB = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600", "docker-ratelimit-source": "192.0.2.7"}


def push_tags(registry: FakeRegistry, count: int) -> list[str]:
    image = build_image()
    names = [f"v{number:05}" for number in range(count)]
    for name in names:
        registry.push_manifest("team/app", name, image.manifest, image.manifest_type)
    return names


@pytest.mark.parametrize("count", [1, 100, 101, 250])
def test_all_pages_are_read(count: int, registry: FakeRegistry, connect: Connect) -> None:
    names = push_tags(registry, count)
    assert connect(registry).tags("team/app") == names
    assert len(registry.requests_to("/tags/list")) == -(-count // 100)


def test_tags_are_limited(registry: FakeRegistry, connect: Connect) -> None:
    names = push_tags(registry, 1300)
    assert connect(registry).tags("team/app") == names[:MAX_TAGS]


def test_pages_without_end_end(registry: FakeRegistry, connect: Connect) -> None:
    push_tags(registry, 1)
    registry.fault("/tags/list", headers={"Link": '</v2/team/app/tags/list?n=100&last=a>; rel="next"'})
    assert connect(registry).tags("team/app") == ["v00000"]
    assert len(registry.requests_to("/tags/list")) == MAX_PAGES


@pytest.mark.parametrize("link", ["<{url}/v2/team/app/tags/list?last=x>; rel=\"next\"", "<//{host}/v2/>; rel=next",
                                  "<http://user@{host}/>; rel=\"next\"", "nonsense", "<" * 5000])  # fmt: skip
def test_a_next_page_elsewhere_is_not_asked_for(
    link: str, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    push_tags(registry, 2)
    registry.fault("/tags/list", headers={"Link": link.format(url=elsewhere.url, host=elsewhere.host)})
    assert connect(registry).tags("team/app") == ["v00000", "v00001"]
    assert elsewhere.seen == []


def test_what_is_no_tag_is_left_out(registry: FakeRegistry, connect: Connect) -> None:
    push_tags(registry, 1)
    tags = ["1.0", "", "-x", "a" * 129, "a/b", "\u202ex", 7, None, "1.0", "z\n", "edge"]
    extras = {"child": [], "manifest": {"sha256:0": {"tag": ["1.0"], "imageSizeBytes": "7"}}}
    registry.fault("/tags/list", body=json.dumps({"name": "team/app", "tags": tags, **extras}).encode())
    assert connect(registry).tags("team/app") == ["1.0", "edge"]


def test_a_repository_without_tags(registry: FakeRegistry, connect: Connect) -> None:
    push_tags(registry, 1)
    registry.fault("/tags/list", body=b'{"name": "team/app", "tags": null}')
    assert connect(registry).tags("team/app") == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"tags": "latest"}', b'{"tags": ' + b"[" * 100_000])
def test_an_answer_that_is_no_list(body: bytes, registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/tags/list", body=body)
    with pytest.raises(RegistryUnreachable):
        connect(registry).tags("team/app")


def test_refusals(connect: Connect) -> None:
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}, grants={"alice": {"team/mine"}}) as registry:
        with pytest.raises(AccessDenied):
            connect(registry).tags("team/theirs")
        registry.fault("/tags/list", status=404, body=b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
        with pytest.raises(ImageNotFound):
            connect(registry).tags("team/mine")
        with pytest.raises(ImageNotFound):
            connect(registry).tags("../mine")


def test_how_many_pulls_are_left(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", platform=["linux/amd64", "linux/arm64"])
    client = connect(registry)
    client.fetch_manifest("team/app", "1.0")
    unknown = client.limits
    assert unknown is None
    registry.fault("/manifests/", headers=HUB, times=1)
    client.fetch_manifest("team/app", "1.0")
    client.fetch_manifest("team/app", "1.0")  # which is not counted
    seen: list[PullLimits | None] = [client.limits]
    assert seen == [PullLimits(limit=100, remaining=76, window=21600, source="192.0.2.7")]


@pytest.mark.parametrize(
    "change",
    [
        {"ratelimit-limit": ""},
        {"ratelimit-remaining": "-1"},
        {"ratelimit-limit": "9" * 5000},
        {"ratelimit-limit": "１００"},
        {"ratelimit-remaining": "many;w=60"},
    ],
)
def test_limits_that_can_not_be_read(change: dict[str, str]) -> None:
    assert read_limits(HUB | change) is None


def test_limits_without_a_window() -> None:
    bare = {"ratelimit-limit": "200", "ratelimit-remaining": "0", "docker-ratelimit-source": "a\x1b[31m" + "x" * 500}
    found = read_limits(bare)
    assert found is not None
    assert (found.limit, found.remaining, found.window) == (200, 0, 0)
    assert len(found.source) <= 64
    assert "\x1b" not in found.source
