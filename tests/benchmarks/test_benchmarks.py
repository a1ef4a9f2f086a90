"""The benchmarks of pulls run, in small: real sides, figures that can be read. What they measure is nobody's test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from portal.config.env import CHECKOUT

pytestmark = pytest.mark.faults


def test_a_small_run_prints_figures_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "ingest", "reuse", "compression", "large_layer"]
    command += ["--runs", "1", "--scale", "0.002", "--where", "disk"]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    figures = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    for name in ("ingest_disk_wall_best", "reuse_wall_median", "compression_stored", "large_layer_peak_rss"):
        figure = figures[name]
        assert figure["ratio"] == pytest.approx(figure["value"] / figure["peer"], rel=0.01)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "ingestion"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no benchmark ingestion; there are" in done.stderr
