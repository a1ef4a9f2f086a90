"""Runs benchmarks by name, all without one. Data is made in a temporary folder and removed."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import tests.benchmarks
from tests.benchmarks.figures import Plan, machine

MEMORY = Path("/dev/shm")
MEMORY_BYTES = 8_000_000_000


def names() -> list[str]:
    """Every module here that measures something."""
    found = [module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__)]
    return [name for name in sorted(found) if _measures(name)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones; all by default")
    parser.add_argument("--list", action="store_true", help="print the names and exit")
    parser.add_argument("--runs", type=int, default=5, help="how often each side is measured (5)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for all sizes, to try things out")
    parser.add_argument("--where", choices=("disk", "memory", "both"), default="both", help="where the data is kept")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(names()))
        return
    if unknown := {name for name in asked.names if not _measures(name)}:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    signal.signal(signal.SIGTERM, _interrupt)
    print(machine(), file=sys.stderr)
    for name in asked.names or names():
        with ExitStack() as stack:
            folder = stack.enter_context(_folder(None))
            room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES * min(asked.scale, 1)
            memory = stack.enter_context(_folder(MEMORY)) if room and asked.where != "disk" else None
            plan = Plan(memory if asked.where == "memory" and memory else folder, memory, asked.runs, asked.scale)
            for figure in _module(name).measure(plan):
                print(figure.line(), flush=True)


@contextmanager
def _folder(where: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="drayage-bench-", dir=where) as folder:
        yield Path(folder)


def _measures(name: str) -> bool:
    """Whether there is a benchmark of this name. Only the module that was named is imported."""
    if not name.isidentifier() or importlib.util.find_spec(f"tests.benchmarks.{name}") is None:
        return False
    return name != "__main__" and hasattr(_module(name), "measure")


def _module(name: str) -> Any:
    return importlib.import_module(f"tests.benchmarks.{name}")


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
