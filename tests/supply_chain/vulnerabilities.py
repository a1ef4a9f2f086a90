"""Asks PyPI whether packages of the lock files have known vulnerabilities (`make audit`).

pip-audit does the work, from the environment of the tools. Where the service can't be reached, pip-audit says that all
is well: its report is read here instead. Exit codes: 0 nothing is known, 1 something is, 3 it could not be checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-tools.txt")
FINE, VULNERABLE, NOT_CHECKED = 0, 1, 3


def ask(lock: Path, program: Path) -> dict[str, Any] | None:
    """pip-audit's report about a lock file; None where there is none, because nobody answered."""
    command = [str(program), "-r", str(lock), "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    done = subprocess.run([*command, "-f", "json"], capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return report


def judge(reports: dict[str, dict[str, Any] | None]) -> tuple[int, list[str]]:
    """Return the exit code for these reports, and what there is to say."""
    vulnerable, unchecked = [], []
    for lock, report in reports.items():
        dependencies = report["dependencies"] if report else []
        if not dependencies:
            unchecked.append(f"{lock}: no answer")
        for package in dependencies:
            name = f"{package['name']} {package.get('version', '')}".strip()
            if "skip_reason" in package:
                unchecked.append(f"{lock}: {name}")
            vulnerable += [
                f"{lock}: {name} has {known['id']}, mended in {', '.join(known['fix_versions']) or 'no version'}"
                for known in package.get("vulns", ())
            ]
    if vulnerable:
        return VULNERABLE, vulnerable
    if unchecked:
        example = f"such as {unchecked[0]}: PyPI does not answer"
        return NOT_CHECKED, [f"{len(unchecked)} packages were not checked, {example}."]
    return FINE, ["no known vulnerabilities"]


def main(program: Path) -> int:
    code, said = judge({lock: ask(CHECKOUT / lock, program) for lock in LOCKS if (CHECKOUT / lock).exists()})
    print("\n".join(said))
    print(json.dumps({"name": "vulnerabilities", "checked": code != NOT_CHECKED, "found": code == VULNERABLE}))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
