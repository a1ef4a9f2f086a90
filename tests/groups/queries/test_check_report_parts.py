"""The parts of a check's report, from the row alone: sentence, steps, bar, tags, pinned reference."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import ContainerGroup, Image, ImageCheck
from groups.queries.check_report import OfferedPlatform, Tag, check_report
from groups.queries.pull_steps import StepLine

GB = 1_000_000_000
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
HOST = "registry.example.com"


def row(status: str = "done", **values: Any) -> ImageCheck:
    named = {"registry": HOST, "repository": "team/app", "version": "1.0", "provider": "self_hosted"}
    return ImageCheck(**{"status": status, **named, **values})


def against(digest: str) -> ContainerGroup:
    return ContainerGroup(image=Image(digest=digest))


@pytest.mark.parametrize(("check", "sentence", "moved"), [
    (row("queued"), "Waiting for a worker", None),
    (row("running"), "Checking", None),
    (row("done"), "This image can be pulled", None),
    (row("done", platform_digest=A), "This image can be pulled", None),
    (row("done", platform_digest=A, against=against(A)), "1.0 still means this image", False),
    (row("done", platform_digest=B, against=against(A)), "1.0 means another image now", True),
    (row("done", platform_digest=A, against=against("")), "This image can be pulled", None),
    (row("done", against=against(A)), "This image can be pulled", None),
    (row("failed", code="interrupted"), "The check did not come to its end", None),
    (row("failed", code="image_too_large", params={"size": "2 GB", "limit": "1 GB"}), "The image is too large", None),
])  # fmt: skip
def test_the_sentence(check: ImageCheck, sentence: str, moved: bool | None) -> None:
    report = check_report(check)

    assert (report.row, report.sentence, report.moved) == (check, sentence, moved)


def test_steps_with_those_that_wait() -> None:
    steps = [
        {"name": "resolve", "outcome": "ok", "detail": "Found", "raw": "", "seconds": 0.5},
        {"name": "connect", "outcome": "failed", "detail": "Refused", "raw": "ECONNREFUSED", "seconds": 2},
        {"name": "of-an-old-version", "outcome": "ok", "seconds": "soon"},
    ]

    assert check_report(row(steps=steps)).steps == [
        StepLine("resolve", "Find the registry", "ok", 0.5, "Found", ""),
        StepLine("connect", "Connect", "failed", 2, "Refused", "ECONNREFUSED"),
        StepLine("of-an-old-version", "of-an-old-version", "ok", None, "", ""),
        StepLine("ping", "Ask whether it is a registry", "waiting"),
        StepLine("authenticate", "Sign in", "waiting"),
        StepLine("manifest", "Read the manifest", "waiting"),
        StepLine("platform", "Choose the platform", "waiting"),
        StepLine("size", "Check the size", "waiting"),
    ]


def test_tags_and_the_reference_by_digest() -> None:
    report = check_report(row(tags=["latest", "1.0"], digest=A))

    assert report.tags == [
        Tag("latest", f"{HOST}/team/app:latest", False),
        Tag("1.0", f"{HOST}/team/app:1.0", True),
    ]
    assert report.pinned == f"{HOST}/team/app@{A}"
    assert check_report(row(version=A, digest=A)).pinned == ""
    assert check_report(row(digest="")).pinned == ""


def test_the_hint_is_of_the_chosen_kind_or_else_of_the_host() -> None:
    chosen = check_report(row("failed", code="access_denied", provider="docker_hub")).hint
    known = check_report(row("failed", code="access_denied", provider="", registry="docker.io")).hint

    assert "Docker Hub" in chosen
    assert known == chosen
    assert check_report(row("failed", code="access_denied")).hint != chosen
    assert check_report(row("done", provider="docker_hub")).hint == ""


@pytest.mark.parametrize(("size", "limit", "cap", "over"), [
    (3 * GB, 10 * GB, None, 0),
    (10 * GB, 10 * GB, None, 0),
    (20 * GB, 10 * GB, 500, 500),
    (40 * GB, 10 * GB, 250, 750),
])  # fmt: skip
def test_the_bar_against_the_limit(size: int, limit: int, cap: float | None, over: float) -> None:
    bar = check_report(row(size=size, limit=limit)).bar

    assert bar is not None
    assert (bar.cap, bar.over) == (cap, over)
    assert sum(part.width for part in bar.parts) == pytest.approx(1000 * size / max(size, limit), abs=0.1)


def test_the_bar_has_the_large_layers_and_the_rest() -> None:
    layers = [{"size": 6 * GB, "created_by": "COPY models"}, {"size": 3 * GB, "created_by": ""}]

    bar = check_report(row(size=10 * GB, limit=10 * GB, layers=layers)).bar
    exact = check_report(row(size=9 * GB, limit=10 * GB, layers=layers)).bar

    assert bar is not None
    assert exact is not None
    assert [part.title for part in bar.parts] == ["COPY models", "A layer", "Everything else"]
    assert [part.title for part in exact.parts] == ["COPY models", "A layer"]
    assert (bar.size, bar.limit) == ("10 GB", "10 GB")
    assert bar.parts[0].x == 0
    assert bar.parts[0].width > bar.parts[1].width > bar.parts[2].width


def test_without_a_size_or_a_limit_there_is_no_bar() -> None:
    for values in ({"size": None, "limit": 5}, {"size": 5, "limit": None}, {"size": 0, "limit": 5}):
        assert check_report(row(**values)).bar is None


def test_platforms_that_nodes_run_the_checked_one_first() -> None:
    offered = [
        {"platform": "linux/arm64", "nodes": 4, "free": 3},
        {"platform": "linux/amd64/v3", "nodes": 1, "free": 0},
        {"platform": "linux/arm/v7", "nodes": 0, "free": 0},
    ]
    found = row(found_platform="linux/amd64/v3", platforms=offered)

    assert check_report(found).platforms == [
        OfferedPlatform("linux/amd64", "1 node fits, none with room now"),
        OfferedPlatform("linux/arm64", "4 nodes fit, 3 with room now"),
        OfferedPlatform("linux/arm", "No node that fits is connected"),
    ]
    assert check_report(row(platforms=offered)).platforms == [], "of a check that has not come so far"


def test_a_comparison_with_a_group_offers_no_other_platform() -> None:
    offered = [{"platform": "linux/amd64", "nodes": 0, "free": 0}]
    compared = row(found_platform="linux/amd64", platforms=offered, against=against(A))
    assert check_report(compared).platforms == []
