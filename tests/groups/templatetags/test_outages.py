"""The line about an outage is on the pages where a member looks for the reason of a failure, and says its times."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.models import ContainerGroup, Failure, ImageCheck, Outage
from registries.foundation.clock import database_now
from tests.support.group_progress import failed
from tests.support.outages import GITHUB, HUB, make_outage
from tests.support.pulls import make_group

pytestmark = pytest.mark.usefixtures("no_redis")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    return make_group(project, f"{GITHUB}/acme/app:1", name="web")


@pytest.fixture
def outage(db: None) -> Outage:
    now = database_now()
    return make_outage(GITHUB, began_at=now - 26 * MINUTE, last_failed_at=now - MINUTE)


def lines(client: Client, address: str) -> list[str]:
    """The texts of the lines about outages on a page."""
    response = client.get(address)
    assert response.status_code in (200, 286)  # a failed group's page does not poll any more
    found = re.findall(r"data-outage.*?<p>(.*?)</p>", response.content.decode(), re.DOTALL)
    return [html.unescape(" ".join(re.sub(r"<[^>]+>", "", text).split())) for text in found]


def overview() -> str:
    return reverse("portal:organization", args=["acme"])


def at(name: str) -> str:
    return reverse(f"groups:{name}", args=["acme", "default", "web"])


def test_the_pages_that_say_it(member: Client, group: ContainerGroup, outage: Outage) -> None:
    failure = failed(group)
    Failure.objects.update(registry=GITHUB)
    pages = [
        overview(),
        at("detail"),
        at("status"),
        reverse("groups:failure", args=["acme", "default", "web", failure.pk]),
        reverse("groups:new", args=["acme", "default"]),
        reverse("registries:list", args=["acme"]),
    ]
    for page in pages:
        (line,) = lines(member, page)
        since = f"{outage.began_at:%H:%M} UTC"
        assert line.startswith(f"GitHub's registry is failing for many since {since} (26 minutes ago)."), page


def test_a_failed_check_says_it(member: Client, acme: Any, outage: Outage) -> None:
    check = ImageCheck.objects.create(
        organization=acme, reference="ghcr.io/acme/app:1", registry="ghcr.io", repository="acme/app", version="1",
        platform="linux/amd64", status="failed", code="registry_unreachable", expires_at=database_now(),
    )  # fmt: skip
    (line,) = lines(member, reverse("groups:checked", args=["acme", "default", check.pk]))
    assert "failing for many" in line


def test_pages_of_another_registry_don_t(member: Client, project: Any, outage: Outage) -> None:
    make_group(project, f"{HUB}/acme/app:1", name="web")
    assert lines(member, at("detail")) == []
    assert lines(member, overview()) == []


def test_how_long_it_took(member: Client, group: ContainerGroup, outage: Outage) -> None:
    Outage.objects.update(ended_at=database_now(), recovered=True)
    (line,) = lines(member, at("detail"))
    times = f"from {outage.began_at:%H:%M} to {outage.last_failed_at:%H:%M} UTC"
    assert line == f"GitHub's registry was failing for many {times}. Pulls succeed again."


@pytest.mark.parametrize("address", ["overview", "status"])
def test_a_page_that_polls_shows_that_it_begins_and_ends(member: Client, group: ContainerGroup, address: str) -> None:
    page = overview() if address == "overview" else at("status")

    def poll(etag: str = "") -> Any:
        return member.get(page, headers={"HX-Request": "true", "If-None-Match": etag})

    before = poll()
    assert poll(before["ETag"]).status_code == 304
    now = database_now()
    outage = make_outage(GITHUB, began_at=now - 26 * MINUTE, last_failed_at=now)
    during = poll(before["ETag"])
    assert (during.status_code, b"is failing for many" in during.content) == (200, True)
    Outage.objects.filter(pk=outage.pk).update(last_failed_at=now + MINUTE, attempts=99)
    assert poll(during["ETag"]).status_code == 304
    Outage.objects.filter(pk=outage.pk).update(ended_at=now)
    after = poll(during["ETag"])
    assert (after.status_code, b"was failing for many" in after.content) == (200, True)
