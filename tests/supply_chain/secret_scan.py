"""Scans the working tree, and every line that was ever committed, for secrets (`make secrets`).

What looks like a secret and is none is in `allowed_secrets.toml`, each by a pattern and with the reason; a pattern that
matches nothing any more is an error as well. The exit code is 1 if something was found.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from detect_secrets.filters import heuristic
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.settings import default_settings, get_plugins

CHECKOUT = Path(__file__).parents[2]
ALLOWED = Path(__file__).with_name("allowed_secrets.toml")
NO_SECRETS = {"Public IP (ipv4)"}
"""Kinds that the scanner knows and that are none."""
LONGEST, OVERLAP = 2000, 200
"""Longer lines are read in parts, or the search takes for ever in a minified file."""
BINARY = re.compile(rb"\0")


@dataclass(frozen=True)
class Line:
    """A line as it was once added, with the first place where it was: a commit, or `working tree`."""

    text: str
    path: str
    commit: str


@dataclass(frozen=True)
class Found:
    kind: str
    secret: str
    line: Line

    def __str__(self) -> str:
        """Where it is, and not what it is: this is printed in logs of CI."""
        return f"{self.kind} in {self.line.path} ({self.line.commit[:12]}): {self.secret[:3]}… of {len(self.secret)}"


@dataclass(frozen=True)
class Allowance:
    """What is no secret: the whole value matches `value`, or the line contains `line`, in files like `path`."""

    reason: str
    value: str = ""
    line: str = ""
    path: str = "*"

    def covers(self, found: Found) -> bool:
        if not fnmatch(found.line.path, self.path):
            return False
        if self.value and not re.fullmatch(self.value, found.secret, re.DOTALL):
            return False
        return not self.line or re.search(self.line, found.line.text) is not None


def history(checkout: Path = CHECKOUT) -> Iterator[Line]:
    """Every line that a commit up to the present one added."""
    yield from _added(checkout, "log", "HEAD", "-p", "--format=commit %H")


def is_complete(checkout: Path = CHECKOUT) -> bool:
    """Whether the whole history is here: it is no shallow clone, and no copy without a repository."""
    command = ["git", "-C", str(checkout), "rev-parse", "--is-shallow-repository"]
    asked = subprocess.run(command, check=False, capture_output=True)
    return asked.returncode == 0 and asked.stdout.strip() == b"false"


def files(checkout: Path = CHECKOUT) -> Iterator[Line]:
    """Every line of a copy without a repository, except in folders whose names begin with a dot and in data."""
    for path in sorted(checkout.rglob("*")):
        name = path.relative_to(checkout).as_posix()
        if path.is_file() and not name.startswith((".", "var/")) and "node_modules" not in name:
            yield from _lines_of(path, name)


def working_tree(checkout: Path = CHECKOUT) -> Iterator[Line]:
    """Lines that are not committed yet, and all of files that git neither has nor ignores."""
    yield from _added(checkout, "diff", "HEAD")
    untracked = _git(checkout, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")
    for name in filter(None, untracked):
        yield from _lines_of(checkout / name.decode(), name.decode())


def _lines_of(path: Path, name: str) -> Iterator[Line]:
    raw = path.read_bytes()
    if not BINARY.search(raw[:8000]):
        yield from (Line(text, name, "working tree") for text in raw.decode("utf-8", "replace").splitlines())


def _added(checkout: Path, *command: str) -> Iterator[Line]:
    options = ["--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"]
    commit, path = "working tree", ""
    for raw in _git(checkout, *command, *options).splitlines():
        if raw.startswith(b"commit ") and len(raw) == 47:
            commit = raw[7:].decode()
        elif raw.startswith(b"+++ "):
            path = raw[4:].decode("utf-8", "replace").removeprefix("b/")
        elif raw.startswith(b"+"):
            yield Line(raw[1:].decode("utf-8", "replace"), path, commit)


def _git(checkout: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(checkout), *arguments], check=True, capture_output=True).stdout


def search(lines: Iterator[Line]) -> Iterator[Found]:
    """What looks like a secret, once for each line of the same text."""
    seen: set[str] = set()
    with default_settings():
        plugins = [plugin for plugin in get_plugins() if plugin.secret_type not in NO_SECRETS]
        for line in lines:
            if line.text not in seen:
                seen.add(line.text)
                yield from _search_line(line, plugins)


def _search_line(line: Line, plugins: list[BasePlugin]) -> Iterator[Found]:
    for start in range(0, max(1, len(line.text)), LONGEST - OVERLAP):
        part = line.text[start : start + LONGEST]
        for plugin in plugins:
            for found in plugin.analyze_line(filename=line.path, line=part, line_number=0) or ():
                if found.secret_value and not _is_nothing(found.secret_value, part, plugin):
                    yield Found(found.type, found.secret_value, line)


def _is_nothing(secret: str, line: str, plugin: BasePlugin) -> bool:
    """What the scanner's own rules say is a name, a template or a sequence, and no secret."""
    return (
        heuristic.is_sequential_string(secret)
        or heuristic.is_templated_secret(secret)
        or heuristic.is_prefixed_with_dollar_sign(secret)
        or heuristic.is_not_alphanumeric_string(secret)
        or heuristic.is_indirect_reference(line)
        or heuristic.is_likely_id_string(secret, line, plugin)
        or heuristic.is_potential_uuid(secret)
    )


def read_allowances(path: Path = ALLOWED) -> list[Allowance]:
    """Raises TypeError for an entry without a reason, or with a key that there isn't."""
    document: Mapping[str, list[dict[str, str]]] = tomllib.loads(path.read_text())
    return [Allowance(**entry) for entry in document["allowed"]]


def judge(found: list[Found], allowances: list[Allowance]) -> tuple[list[Found], list[Allowance]]:
    """Return what no entry covers, and the entries that cover nothing."""
    secrets, used = [], set()
    for each in found:
        covering = [allowance for allowance in allowances if allowance.covers(each)]
        used.update(covering)
        if not covering:
            secrets.append(each)
    return secrets, [allowance for allowance in allowances if allowance not in used]


def main() -> int:
    has_history = is_complete()
    if not has_history:
        print("the history is not here, or not all of it: only what is here was read")
    found = list(search(_all_lines()))
    secrets, unused = judge(found, read_allowances())
    unused = unused if has_history else []
    for secret in secrets:
        print(secret)
    for allowance in unused:
        print(f"allowed_secrets.toml: nothing matches {allowance.value or allowance.line!r}")
    counts = {"looked_like_secrets": len(found), "allowed": len(found) - len(secrets), "secrets": len(secrets)}
    print(json.dumps({"name": "secrets", **counts}))
    return int(bool(secrets or unused))


def _all_lines() -> Iterator[Line]:
    if not (CHECKOUT / ".git").exists():
        yield from files()
        return
    yield from working_tree()
    yield from history()


if __name__ == "__main__":
    sys.exit(main())
