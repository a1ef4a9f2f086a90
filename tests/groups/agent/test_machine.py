"""What the agent says of its machine."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from groups.agent.machine import level_of, platform_of_machine
from registries.oci.platform import Platform

V2 = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
V3 = V2 + " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"


@pytest.mark.parametrize(("machine", "said"), [
    ("aarch64", "linux/arm64"),
    ("arm64", "linux/arm64"),
    ("armv7l", "linux/arm/v7"),
    ("armv6l", "linux/arm/v6"),
    ("i686", "linux/386"),
    ("riscv64", "linux/riscv64"),
    ("x86_64", "linux/amd64"),
    ("AMD64", "linux/amd64"),
])  # fmt: skip
def test_the_kernels_names(machine: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Image builders write Go's names (golang.org/x/sys, containerd/platforms), the kernel its own."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert platform_of_machine(tmp_path / "missing") == said
    assert str(Platform.parse(said)) == said, "the portal reads it as it is"


@pytest.mark.parametrize(("flags", "level"), [
    ("", ""), ("sse4_2 avx2", ""), (V2, "/v2"), (V2 + " avx avx2", "/v2"), (V3, "/v3"), (V3 + " avx512f", "/v3"),
    (V3 + " avx512f avx512bw avx512cd avx512dq avx512vl", "/v4"),
])  # fmt: skip
def test_the_level_of_an_amd64_processor(flags: str, level: str) -> None:
    assert level_of(flags.split()) == level


def test_the_flags_are_those_of_the_first_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {V3}\nvmx flags\t: vnmi\n\nflags : \n")
    assert platform_of_machine(tmp_path / "cpuinfo") == "linux/amd64/v3"
