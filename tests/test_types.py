"""Everything has a type: mypy is strict, requests and ids have types of their own, and `Any` is rare."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parent.parent
PRODUCT = ("groups", "portal", "registries")
MAX_ANY = 17
"""Lines of the product in which `Any` is written, imports not counted. Lower it when you remove one."""
ID = re.compile(r"\w+_ids?")
PLAIN = {"int", "UUID"}
ALLOWED_OPTIONS = {
    "python_version", "plugins", "strict", "untyped_calls_exclude", "warn_unreachable", "exclude", "overrides",
}  # fmt: skip
"""mypy's settings that don't weaken `strict`."""


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Path and syntax tree of every module, but for migrations."""
    for folder in folders:
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(CHECKOUT)), ast.parse(path.read_text())


def is_any(node: ast.AST) -> bool:
    """Whether this is `Any`, `typing.Any`, `Any` under another name, or a type in quotes with `Any` in it."""
    if isinstance(node, ast.alias):
        return node.name == "Any" and node.asname is not None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
        return in_quotes(node.args[0])
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        return in_quotes(node.annotation)
    return (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")


def in_quotes(node: ast.expr) -> bool:
    """Whether this is a type in quotes with `Any` in it."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and contains_any(ast.parse(node.value))


def contains_any(node: ast.AST) -> bool:
    return any(map(is_any, ast.walk(node)))


def test_any_is_recognized() -> None:
    for text in (
        "x: Any",
        "x: list[Any]",
        "x: typing.Any",
        'x: "Any | None"',
        'def f(x: "Any"): ...',
        'cast("QuerySet[Any]", x)',
        "from typing import Any as Whatever",
    ):
        assert contains_any(ast.parse(text)), text
    for text in ("from typing import Any", 'cast("QuerySet[Image]", x)', 'x = "Any"', 'x: str = "Any"', "any(x)"):
        assert not contains_any(ast.parse(text)), text


def test_any_is_rare_in_the_product() -> None:
    lines = {
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path, tree in trees(*PRODUCT)
        for node in ast.walk(tree)
        if is_any(node)
    }
    assert len(lines) <= MAX_ANY, "\n".join(sorted(lines))


def untyped_requests(tree: ast.AST) -> list[int]:
    """Lines of parameters called `request` or `_request` that have no type, `Any`, or `Any` as part of it."""
    return [
        parameter.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if parameter.arg.lstrip("_") == "request" and (parameter.annotation is None or contains_any(parameter))
    ]


def test_untyped_requests_are_recognized() -> None:
    for text in ("request", "request: Any", "request: Any | None", 'request: "Any"', "a, *, _request: Any"):
        assert untyped_requests(ast.parse(f"def view({text}): ...")), text
    assert not untyped_requests(ast.parse("def view(request: HttpRequest, value: Any): ..."))


def test_every_request_has_a_type() -> None:
    untyped = [f"{path}:{line}" for path, tree in trees(*PRODUCT, "tests") for line in untyped_requests(tree)]
    assert not untyped


def plain_ids(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every parameter, attribute and function that is named like an id but is any number or UUID."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.arg(arg=name, annotation=ast.expr() as annotation)
                | ast.AnnAssign(target=ast.Name(id=name), annotation=annotation)
                | ast.FunctionDef(name=name, returns=ast.expr() as annotation)
            ) if ID.fullmatch(name):
                parts = {getattr(part, "id", getattr(part, "attr", None)) for part in ast.walk(annotation)}
                if parts & PLAIN:
                    yield node.lineno, name


def test_plain_ids_are_recognized() -> None:
    for text in (
        "def pull(image_id: UUID): ...",
        "def pull(*, image_id: uuid.UUID | None = None): ...",
        "def lock(credential_ids: Collection[UUID]): ...",
        "class Access:\n    organization_id: int",
        "def person_id(self) -> int | None: ...",
    ):
        assert list(plain_ids(ast.parse(text))), text
    for text in ("def pull(image_id: ImageId): ...", "def job(image_id: str): ...", "def add(width: int): ..."):
        assert not list(plain_ids(ast.parse(text))), text


def test_every_id_has_the_type_of_its_row() -> None:
    plain = [f"{path}:{line} {name}" for path, tree in trees(*PRODUCT) for line, name in plain_ids(tree)]
    assert not plain


def test_mypy_is_strict() -> None:
    """And nothing takes modules of ours out of it: overrides only name packages without types."""
    mypy = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"] is True
    assert mypy.keys() <= ALLOWED_OPTIONS
    for override in mypy["overrides"]:
        assert override.keys() == {"module", "ignore_missing_imports"}
        assert not [name for name in override["module"] if name.split(".")[0] in (*PRODUCT, "tests", "*")]
    comments = [
        str(path.relative_to(CHECKOUT))
        for folder in (*PRODUCT, "tests")
        for path in (CHECKOUT / folder).rglob("*.py")
        if re.search(r"^# (mypy:|type: ignore)", path.read_text(), re.MULTILINE)
    ]
    assert not comments, "a whole module without types"
