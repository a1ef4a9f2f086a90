"""Fuzzes the targets and prints a line of JSON for each. Fails if an input crashed or took too long.

python -m tests.fuzz --seconds 60 [TARGET ...]
python -m tests.fuzz --repeat .fuzz/reference-0123456789abcdef
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tests.conftest  # noqa: F401 (makes the environment, before Django reads it)
from tests.fuzz.findings import Finding, judge
from tests.fuzz.generated import Run
from tests.fuzz.targets import TARGETS, Target

CHECKOUT = Path(__file__).parents[2]
FOUND = CHECKOUT / ".fuzz"
START_SECONDS = 4
"""What a process with atheris takes to begin."""


def has_atheris() -> bool:
    return importlib.util.find_spec("atheris") is not None


def fuzz(target: Target, seconds: float, *, first_seed: int) -> tuple[dict[str, Any], list[Finding]]:
    """Share the time between both fuzzers; return the line to print and what was found."""
    began = time.monotonic()
    guided = seconds / 2 if has_atheris() and seconds / 2 > START_SECONDS + 1 else 0.0
    run = Run(target)
    run.go(began + seconds - guided, first_seed=first_seed)
    found = dict(run.findings)
    cases = {"hypothesis": run.cases}
    if guided:
        cases["atheris"], more = follow_coverage(target, int(guided - START_SECONDS))
        found |= {finding.kind: finding for finding in more}
    line = {
        "name": "fuzz",
        "target": target.name,
        "cases": sum(cases.values()),
        **cases,
        "seconds": round(time.monotonic() - began, 1),
        "slowest_ms": round(run.slowest, 2),
        "crashes": sum(finding.kind != "slow" for finding in found.values()),
        "slow": sum(finding.kind == "slow" for finding in found.values()),
    }
    return line, list(found.values())


def follow_coverage(target: Target, seconds: int) -> tuple[int, list[Finding]]:
    """Run atheris in a process of its own; return the number of cases and what is judged a finding here too."""
    with tempfile.TemporaryDirectory(prefix="drayage-fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(max(1, seconds)), folder]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        result = Path(folder) / "result.json"
        if not result.exists():
            raise SystemExit(f"atheris ran no case of {target.name}:\n{done.stderr[-2000:]}")
        inputs = [path.read_bytes() for path in Path(folder).glob("found/*")]
        for pattern in ("timeout-*", "oom-*", "crash-*"):  # those that libFuzzer itself noticed
            inputs += [path.read_bytes() for path in Path(folder).glob(pattern)]
        findings = [finding for data in inputs if (finding := judge(target, data)[0]) is not None]
        return int(json.loads(result.read_text())["cases"]), findings


def report(findings: list[Finding]) -> None:
    for finding in findings:
        path = finding.save(FOUND)
        print(f"{finding.target}: {finding.kind}\n{finding.said}", file=sys.stderr)
        command = f".venv/bin/python -m tests.fuzz --repeat {path.relative_to(CHECKOUT)}"
        print(f"Repeat it: {command}", file=sys.stderr)


def repeat(path: Path) -> int:
    """Give a saved input to its target once more."""
    target = TARGETS[path.name.rpartition("-")[0]]
    finding, took = judge(target, path.read_bytes())
    print(finding.said if finding else f"{target.name}: all is well, {took:.2f} ms")
    return int(finding is not None)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9, help="repeats what hypothesis makes")
    parser.add_argument("--repeat", type=Path, help="a file with an input that was found")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args(arguments)
    if options.repeat:
        return repeat(options.repeat)
    chosen = [TARGETS[name] for name in options.targets or TARGETS]
    if not has_atheris():
        here = f"Python {platform.python_version()} on {platform.machine()}"
        print(f"There is no atheris for {here}: only hypothesis runs.", file=sys.stderr)
    shutil.rmtree(FOUND, ignore_errors=True)
    failed = False
    for target in chosen:
        line, findings = fuzz(target, options.seconds / len(chosen), first_seed=options.seed)
        print(json.dumps({**line, "seed": options.seed}), flush=True)
        report(findings)
        failed |= bool(findings)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
