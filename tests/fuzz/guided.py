"""Fuzzing that follows coverage, with atheris: `python -m tests.fuzz.guided TARGET SECONDS FOLDER`.

A process of its own, which libFuzzer ends: what came of it is in FOLDER, in `result.json` and a file for each input
that crashed or seemed slow. Whether it really is, `tests.fuzz` judges again, since instrumented code is slower.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import ModuleType

MAX_FINDINGS = 20
SLOWER = 3
"""How much slower instrumented code may be."""


def instrumented() -> tuple[ModuleType, ModuleType, ModuleType]:
    """Import what is fuzzed so that its branches are counted; return atheris, the targets and what judges."""
    import atheris

    with atheris.instrument_imports(include=["registries", "groups", "portal.notifications.webhook_address"]):
        import tests.conftest  # noqa: F401 (makes the environment, before Django reads it)
        from tests.fuzz import findings, targets
    return atheris, targets, findings


def main(name: str, seconds: int, folder: Path) -> None:
    atheris, targets, findings = instrumented()
    target = targets.TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for number, raw in enumerate(target.corpus):
        (corpus / f"seed-{number}").write_bytes(raw)
    counts = {"cases": 0}
    kinds: set[str] = set()
    said = time.monotonic()

    def one_input(data: bytes) -> None:
        nonlocal said
        counts["cases"] += 1
        kind = ""
        try:
            if findings.milliseconds(target, data) > SLOWER * findings.limit_of(len(data)):
                kind = "slow"
        except Exception as error:
            kind = findings.kind_of(error)
        if kind and (kind == "slow" or kind not in kinds) and len(kinds) < MAX_FINDINGS:
            kinds.add(kind if kind != "slow" else f"slow {counts['cases']}")
            findings.Finding(name, kind, data).save(folder / "found")
        if time.monotonic() - said > 0.5:
            said = time.monotonic()
            (folder / "result.json").write_text(json.dumps(counts))

    options = [f"-max_total_time={seconds}", "-max_len=70000", "-timeout=60", "-rss_limit_mb=2048", "-verbosity=0"]
    atheris.Setup(["fuzz", *options, f"-artifact_prefix={folder}/", str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
