"""Runs the tests under coverage and reports the branches of the critical modules that none reaches."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from tests.branches.unreached import missing, unnamed
from tests.mutants.rooms import critical_modules
from tests.support.product_modules import CHECKOUT

REPORT = CHECKOUT / ".coverage.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.branches", description=__doc__)
    parser.add_argument("-m", dest="level", default="not browser", help='which tests to run ("not browser")')
    parser.add_argument("--report", action="store_true", help="run nothing, report the last run")
    asked = parser.parse_args()
    if not asked.report:
        _coverage("erase")
        _coverage("run", "-m", "pytest", "-q", "-n", "2", "-m", asked.level)
        _coverage("combine", "--quiet")
        _coverage("json", "--quiet", "-o", str(REPORT))
    report = json.loads(REPORT.read_text())
    modules = critical_modules()
    branches = missing(report, modules)
    left = unnamed(branches)
    for branch in left:
        print(branch)
    totals = [report["files"][str(module)]["summary"] for module in modules if str(module) in report["files"]]
    all_branches = sum(total["num_branches"] for total in totals)
    print(
        f"{len(modules)} critical modules, {all_branches} branches: {len(branches)} not reached, "
        f"{len(left)} of them without a reason. The whole product: {report['totals']['percent_covered']:.1f} %"
    )
    return 1 if left else 0


def _coverage(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=CHECKOUT, check=True)


if __name__ == "__main__":
    sys.exit(main())
