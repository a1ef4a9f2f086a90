"""What this machine is: its platform, as the node API writes it."""

from __future__ import annotations

import platform
import re
from collections.abc import Collection
from pathlib import Path

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv8l": "arm/v8",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "i386": "386",
    "i686": "386",
    "loongarch64": "loong64",
}
"""What the kernel calls it → what images call it. Other names are the same."""
# https://gitlab.com/x86-psABIs/x86-64-ABI, in the words of /proc/cpuinfo
_LEVELS = (
    ("v2", {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}),
    ("v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}),
    ("v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)


def platform_of_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return such as `linux/amd64/v3` or `linux/arm64`."""
    machine = platform.machine().lower()
    name = f"{platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}"
    if not name.endswith("/amd64"):
        return name
    try:
        found = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return name + level_of(found[1].split() if found else ())


def level_of(flags: Collection[str]) -> str:
    """Return the level of an amd64 processor with these flags, such as `/v3`; nothing for the first."""
    level = ""
    for name, needed in _LEVELS:
        if not needed <= set(flags):
            break
        level = f"/{name}"
    return level
