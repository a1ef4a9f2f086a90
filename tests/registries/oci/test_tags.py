"""The tags of a repository, page by page, and how many pulls are left."""

from __future__ import annotations

import json

import pytest

from registries.failures import AccessDenied, ImageNotFound, RegistryUnreachable
from registries.oci import location
from registries.oci.rate_limits import PullLimits, read_limits
from registries.oci.tags import next_page
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
    pages = registry.requests_to("/tags/list")
    assert len(pages) == -(-count // 100)
    assert all("n=100" in page.query for page in pages)


def test_tags_are_limited(registry: FakeRegistry, connect: Connect) -> None:
    """A thousand, in ten pages or in one, after which no other page is asked for."""
    names = push_tags(registry, 1300)
    assert connect(registry).tags("team/app") == names[:1000]
    assert len(registry.requests_to("/tags/list")) == 10
    more = {"Link": '</v2/team/app/tags/list?last=x>; rel="next"'}
    for count, asked in ((1300, 1), (1000, 1), (999, 10)):
        registry.seen.clear()
        registry.fault("/tags/list", body=json.dumps({"tags": names[:count]}).encode(), headers=more)
        assert connect(registry).tags("team/app") == names[: min(count, 1000)]
        assert len(registry.requests_to("/tags/list")) == asked


def test_a_page_has_four_mebibytes_at_most(registry: FakeRegistry, connect: Connect) -> None:
    begin, end = b'{"tags": ["a"], "manifest": "', b'"}'
    page = begin + b"x" * (4 * 1024 * 1024 - len(begin + end)) + end
    registry.fault("/tags/list", body=page)
    assert connect(registry).tags("team/app") == ["a"]
    registry.fault("/tags/list", body=page + b" ")
    with pytest.raises(RegistryUnreachable):
        connect(registry).tags("team/app")


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ('</v2/x>; rel="next"', "https://r.example/v2/x"),
        ("<https://r.example:443/v2/x>;rel=next", "https://r.example:443/v2/x"),
        ('<?last=b>; rel="next"; title=x, <y>; rel="last"', "https://r.example/v2/a/tags/list?last=b"),
        ('<https://other.example/v2/x>; rel="next"', "https://r.example/v2/x"),
        ('<http://r.example/v2/x>; rel="next"', "https://r.example/v2/x"),
        ('<https://r.example:5000/v2/x>; rel="next"', "https://r.example/v2/x"),
        ('<http://10.0.0.5:5000/v2/x?last=b%2bc&n=100>; rel="next"', "https://r.example/v2/x?last=b%2bc&n=100"),
        ('<//registry_1:5000/v2/x>; rel="next"', "https://r.example/v2/x"),
        ('<ftp://r.example/v2/x>; rel="next"', "https://r.example/v2/x"),
        ('<https:/v2/x>; rel="next"', None),
        ('<../tags/list?last=b>; rel="next"', "https://r.example/v2/a/tags/list?last=b"),
        ('</v2/x>; title="a, b; rel=next"; rel="last", </v2/y>; rel="next"', "https://r.example/v2/y"),
        ('</v2/w>; rel="first", </v2/x>; n=1; REL=Next', "https://r.example/v2/x"),
        ('</v2/x>; rel="last next"', "https://r.example/v2/x"),
        ('</v2/x>; rel="nextish"', None),
        ('</v2/x>; rel="next" ; n=1', "https://r.example/v2/x"),
        ('<https://alice@r.example/>; rel="next"', None),
        ('</v2/x>; rel="last"', None),
        ("", None),
        (f'</{"x" * 2047}>; rel="next"', f"https://r.example/{'x' * 2047}"),
        (f'</{"x" * 2048}>; rel="next"', None),
    ],
)
def test_where_the_next_page_is(link: str, following: str | None) -> None:
    home = location.read("https://r.example/v2/")
    assert next_page(link, "https://r.example/v2/a/tags/list?n=100", home) == following


@pytest.mark.parametrize("origin", ["https://{host}", "http://registry_1:5000", "//10.0.0.5", "http://{elsewhere}"])
def test_the_next_page_comes_from_the_origin_that_was_asked(
    origin: str, registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    """Behind a proxy, registries name what they know of themselves (pulp/pulp_container#220); what they name is never
    followed (google/go-containerregistry#2332)."""
    names = push_tags(registry, 101)
    place = origin.format(host=registry.host, elsewhere=elsewhere.host)
    link = f'<{place}/v2/team/app/tags/list?last={names[99]}&n=100>; rel="next"'
    registry.fault("/tags/list", headers={"Link": link}, times=1)
    assert connect(registry).tags("team/app") == names
    assert elsewhere.seen == []
    assert [one.kind for one in registry.requests_to("/tags/list")] == ["bearer", "bearer"]


def test_pages_without_end_end(registry: FakeRegistry, connect: Connect) -> None:
    push_tags(registry, 1)
    registry.fault("/tags/list", headers={"Link": '</v2/team/app/tags/list?n=100&last=a>; rel="next"'})
    assert connect(registry).tags("team/app") == ["v00000"]
    assert len(registry.requests_to("/tags/list")) == 10


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
    with pytest.raises(RegistryUnreachable) as refusal:
        connect(registry).tags("team/app")
    assert refusal.value.raw == "tags"


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
    assert {*seen} == {PullLimits(limit=100, remaining=76, window=21600, source="192.0.2.7")}


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
    assert found.source == "a[31m" + "x" * 58 + "…"
    one_says = read_limits(bare | {"ratelimit-remaining": "7;w=60"})
    assert one_says is not None
    assert one_says.window == 60
