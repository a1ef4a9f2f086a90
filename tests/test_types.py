"""Types say what values are: mypy is strict, requests and ids have their own types, and `Any` is rare."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
PRODUCT = ("groups", "portal", "registries")
MAX_ANY = 150
"""Lines of the product in which `Any` is written, imports not counted."""
ID = re.compile(r"\w+_ids?")
PLAIN = {"int", "UUID"}


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Path and syntax tree of every module, but for migrations."""
    for folder in folders:
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(CHECKOUT)), ast.parse(path.read_text())


def is_any(node: ast.AST) -> bool:
    """Whether this is `Any`, `typing.Any`, or a type in quotes with `Any` in it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
        quoted = node.args[0]
        return isinstance(quoted, ast.Constant) and any(map(is_any, ast.walk(ast.parse(str(quoted.value)))))
    return (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")


def test_any_is_recognized() -> None:
    for text in ("x: Any", "x: list[Any]", "x: typing.Any", 'cast("QuerySet[Any]", x)'):
        assert any(map(is_any, ast.walk(ast.parse(text)))), text
    for text in ("from typing import Any", 'cast("QuerySet[Image]", x)', 'x = "Any"', "any(x)"):
        assert not any(map(is_any, ast.walk(ast.parse(text)))), text


def test_any_is_rare_in_the_product() -> None:
    lines = {
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path, tree in trees(*PRODUCT)
        for node in ast.walk(tree)
        if is_any(node)
    }
    assert len(lines) < MAX_ANY, "\n".join(sorted(lines))


def test_every_request_has_a_type() -> None:
    untyped = [
        f"{path}:{parameter.lineno}"
        for path, tree in trees(*PRODUCT, "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if parameter.arg == "request" and (parameter.annotation is None or is_any(parameter.annotation))
    ]
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
    mypy = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"] is True
    exceptions = [option for option, value in mypy.items() if option.startswith(("disallow_", "no_")) and not value]
    assert not exceptions
