"""The documentation names only what exists: links, paths, make targets, commands, modules and environment variables."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import itertools
import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.slow.listing import exists as is_test
from tests.test_layering import LEVEL

CHECKOUT = Path(__file__).parent.parent
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), CHECKOUT / "groups/nodes/API.md"], key=str)
OPERATION = CHECKOUT / "docs/operation.md"
MAX_README_LINES = 110

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
REPOSITORY_PATH = re.compile(r"(?<![\w./:-])(?:\.ci|docs|groups|portal|registries|templates|tests)/[\w./<>-]*\w")
TOP_LEVEL_FILE = re.compile(r"[\w-]+\.(?:md|toml|yaml|txt|py)|Makefile|Dockerfile")
DOTTED = re.compile(r"(?<![\w./@-])(?:groups|portal|registries|tests)(?:\.\w+)+(?![\w/(-])")
READ_BY = ("Makefile", "compose.yaml", "groups/**/*.py", "portal/**/*.py", "tests/**/*.py")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))


def code_of(page: Path) -> list[str]:
    """The blocks and spans of code on the page."""
    text = page.read_text()
    return FENCE.findall(text) + [span.strip("`") for span in CODE.findall(FENCE.sub("", text))]


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


@cache
def known_variables() -> set[str]:
    """Every word in the source that could be the name of a variable."""
    files = [path for pattern in READ_BY for path in CHECKOUT.glob(pattern) if path != Path(__file__)]
    return {name for path in files for name in VARIABLE.findall(path.read_text())}


def variables_read() -> set[str]:
    """The names that the typed environment reads: the first text given to one of its readers."""
    trees = [ast.parse(path.read_text()) for path in (CHECKOUT / "portal/config").glob("*.py")]
    names = set()
    for node in itertools.chain.from_iterable(map(ast.walk, trees)):
        if isinstance(node, ast.Call) and any(isinstance(part, ast.Name) and part.id == "env" for part in _parts(node)):
            names |= {
                part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
    return {name for name in names if re.fullmatch(r"(PORTAL_|DATABASE_|REDIS_)[A-Z_]+|PORT", name)}


def _parts(call: ast.Call) -> list[ast.expr]:
    return [call.func.value, *call.args] if isinstance(call.func, ast.Attribute) else call.args


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(CHECKOUT) or not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


@each_page
def test_paths_exist(page: Path) -> None:
    code = code_of(page)
    paths = {path for part in code for path in REPOSITORY_PATH.findall(part)}
    paths |= {part for part in code if TOP_LEVEL_FILE.fullmatch(part)}
    missing = {path for path in paths if "<" not in path and not exists(path, page)}
    assert not missing


def exists(path: str, page: Path) -> bool:
    """Whether it is in the repository, or beside what the page is about."""
    return (CHECKOUT / path).exists() or any(CHECKOUT.glob(f"tests/**/{path}"))


@each_page
def test_tests_that_are_named_exist(page: Path) -> None:
    named = {name for part in code_of(page) for name in re.findall(r"tests/[\w/]+\.py::[\w:]+", part)}
    assert not [name for name in named if not is_test(name)]


@each_page
def test_dotted_names_exist(page: Path) -> None:
    """Modules, and classes, functions and values in them."""
    assert not [name for part in code_of(page) for name in DOTTED.findall(part) if not is_importable(name)]


def is_importable(name: str) -> bool:
    """Whether it is a module or folder, or something in one. The module itself is not run."""
    parts = name.split(".")
    if CHECKOUT.joinpath(*parts).is_dir() or CHECKOUT.joinpath(*parts).with_suffix(".py").exists():
        return True
    module, _, attribute = name.rpartition(".")
    return "." in name and is_importable(module) and hasattr(importlib.import_module(module), attribute)


def test_names_that_do_not_exist_are_found() -> None:
    assert is_importable("groups.ingest.claim.claim")
    assert not is_importable("groups.ingest.claimed")
    assert not is_importable("groups.ingest.claim.claimed")


@each_page
def test_make_targets_exist(page: Path) -> None:
    named = {target for code in code_of(page) for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)", code)}
    assert named <= make_targets()


@each_page
def test_commands_and_modules_exist(page: Path) -> None:
    code = "\n".join(code_of(page))
    assert set(re.findall(r"manage\.py ([a-z_]+)", code)) <= set(get_commands())
    modules = set(re.findall(r"python -m ([\w.]+)", code))
    assert not {name for name in modules if importlib.util.find_spec(name) is None}


@each_page
def test_variables_are_read_somewhere(page: Path) -> None:
    named = {name for code in code_of(page) for name in VARIABLE.findall(code)}
    assert named <= known_variables()


def test_the_table_has_every_variable_that_is_read() -> None:
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", OPERATION.read_text(), re.MULTILINE))
    assert len(table) > 20
    assert table == variables_read()


def test_readme_is_short() -> None:
    assert len((CHECKOUT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_every_decision_is_listed() -> None:
    folder = CHECKOUT / "docs/decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("0*.md")}


def test_every_room_is_described_in_order() -> None:
    described = re.findall(r"^\| `([a-z_.]+)` \|", (CHECKOUT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert set(described) == set(LEVEL)
    assert [LEVEL[room] for room in described] == sorted(LEVEL[room] for room in described)
