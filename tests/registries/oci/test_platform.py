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
        ("linux/amd64", "linux/amd64/v3", False),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v8", False),
        ("linux/arm64", "linux/arm64/v7", False),
        ("linux/amd64/v1", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64/v3", True),
        ("linux/386", "linux/amd64", False),
    ],
)
def test_which_platform_runs_on_which(wanted: str, offered: str, runs: bool) -> None:
    assert Platform.parse(wanted).runs(Platform.parse(offered)) is runs


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "linux/amd64/v1/x", "Linux/amd64", "linux/amd64\n", "linux/１"]
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
