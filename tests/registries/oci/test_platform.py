"""How platforms are written, and which runs on which."""

from __future__ import annotations

import pytest

from registries.oci.platform import Platform, missing

AMD64 = Platform("linux", "amd64")


@pytest.mark.parametrize(
    ("wanted", "offered", "runs"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v1", True),
        ("linux/amd64", "linux/amd64/v2", False),
        ("linux/amd64", "linux/amd64/v3", False),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64/v1", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64/v2", True),
        ("linux/amd64/v3", "linux/amd64/v3", True),
        ("linux/amd64/v3", "linux/amd64/v4", False),
        ("linux/amd64/v3", "linux/amd64/v9", False),
        ("linux/amd64/v9", "linux/amd64", False),
        ("linux/amd64/v9", "linux/amd64/v9", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64/v9", "linux/arm64", True),
        ("linux/arm64/v9", "linux/arm64/v8.5", True),
        ("linux/arm64/v9", "linux/arm64/v8.6", False),
        ("linux/arm64/v9.2", "linux/arm64/v9.1", True),
        ("linux/arm64", "linux/arm64/v7", False),
        ("linux/arm64", "linux/arm/v7", False),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/v7", "linux/arm/v5", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v8", False),
        ("linux/386", "linux/amd64", False),
        ("linux/riscv64", "linux/riscv64", True),
        ("linux/riscv64", "linux/riscv64/rva23", False),
    ],
)
def test_which_platform_runs_on_which(wanted: str, offered: str, runs: bool) -> None:
    assert Platform.parse(wanted).runs(Platform.parse(offered)) is runs


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Linux/AMD64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64/v1", "linux/amd64"),
        ("LINUX/X86_64/V3", "linux/amd64/v3"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v8.0", "linux/arm64"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386/v2", "linux/386"),
        ("macOS/arm64", "darwin/arm64"),
        ("linux/s390x", "linux/s390x"),
    ],
)
def test_names_are_normalised_as_containerd_does(written: str, normal: str) -> None:
    """containerd/platforms, `normalizeOS` and `normalizeArch`."""
    platform = Platform.parse(written)
    assert str(platform) == normal
    assert platform == Platform.parse(normal)
    words = dict(zip(("os", "architecture", "variant"), written.split("/"), strict=False))
    assert Platform.of_entry(words) == platform


@pytest.mark.parametrize(
    ("item", "platform"),
    [
        ({"architecture": "amd64"}, AMD64),
        ({"architecture": "amd64", "os": "", "variant": None}, AMD64),
        ({"os": "linux"}, None),
        ({"os": "linux", "architecture": ""}, None),
        ({"os": ["linux"], "architecture": "amd64"}, None),
        ({"os": "linux", "architecture": "amd64", "variant": 3}, None),
        ({"os": "linux", "architecture": "a" * 33}, None),
        ({}, None),
        ([], None),
    ],
)
def test_what_an_entry_names(item: object, platform: Platform | None) -> None:
    """Without an operating system it is that of the nodes, as in containerd."""
    assert Platform.of_entry(item) == platform


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64", "linux/amd64"], 1),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v4", "linux/amd64/v2", "linux/amd64/v3"], 3),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2"], 1),
        ("linux/amd64", ["linux/amd64/v2", "linux/arm64"], None),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1),
        ("linux/amd64", [], None),
    ],
)
def test_the_highest_level_that_runs_is_chosen(wanted: str, offered: list[str], chosen: int | None) -> None:
    assert Platform.parse(wanted).choose(map(Platform.parse, offered)) == chosen
    assert Platform.parse(wanted).choose([*map(Platform.parse, offered), None]) == chosen


@pytest.mark.parametrize(
    ("wanted", "offered", "may_run"),
    [
        ("linux/amd64", "linux/amd64/v2", True),
        ("linux/amd64/v3", "linux/amd64/v4", True),
        ("linux/arm64", "linux/arm64/v9", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/v7", "linux/arm/v6", True),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
    ],
)
def test_what_may_run_where_there_is_nothing_else(wanted: str, offered: str, may_run: bool) -> None:
    assert Platform.parse(wanted).may_run(Platform.parse(offered)) is may_run


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "linux/amd64/v1/x", "li nux/amd64", "linux/amd64\n", "linux/１"]
)
def test_platforms_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="linux/amd64"):
        Platform.parse(text)


def test_a_platform_that_is_missing_names_six_that_are_offered() -> None:
    """Each once, and none that a builder calls unknown."""

    def offered(count: int) -> object:
        platforms = [Platform("unknown", "unknown"), None, *[Platform("linux", f"a{n}") for n in range(count)] * 2]
        return missing(AMD64, platforms).params["offered"]

    assert offered(6) == "linux/a0, linux/a1, linux/a2, linux/a3, linux/a4, linux/a5"
    assert offered(7) == "linux/a0, linux/a1, linux/a2, linux/a3, linux/a4, linux/a5 and others"
    assert Platform.parse("linux/" + "a" * 32)
    with pytest.raises(ValueError, match="linux/amd64"):
        Platform.parse("linux/" + "a" * 33)
