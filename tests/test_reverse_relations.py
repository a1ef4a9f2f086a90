"""No app reads the tables of a higher one: neither backwards over a relation, nor by way of Django, nor in SQL.

Django gives each row an attribute for every table that refers to it (`credential.images`), also where that table
belongs to a higher app, and accepts the same name in lookups (`filter(images__…)`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from django.apps import apps as registry
from django.db.models import QuerySet

from tests.support.product_modules import APPS, TREES

LOWER_APPS = APPS[:2]
MANAGER = {name for name in dir(QuerySet) if not name.startswith("_")} | {"add", "clear", "remove", "set"}
LOOKUPS = {"filter", "exclude", "get", "Q", "annotate", "aggregate", "get_or_create", "update_or_create", "alias"}
"""Calls whose keywords are lookups; a name given to `annotate` itself is a new one."""
PATHS = {
    "prefetch_related", "select_related", "Prefetch", "values", "values_list", "order_by", "only", "defer", "distinct",
    "F", "OuterRef", "Count", "Sum", "Max", "Min", "Avg", "getattr", "hasattr", "attrgetter", "dates", "datetimes",
}  # fmt: skip
"""Calls whose texts are names of attributes and relations."""
DETOURS = {
    "related_model", "remote_field", "related_objects", "_related_objects", "get_model", "get_models", "all_models",
    "get_app_config", "get_app_configs", "model_class",
}  # fmt: skip


def product(app: str) -> dict[str, ast.Module]:
    """The modules of an app, but for the node agent, which has no database."""
    return {
        name: tree for name, tree in TREES.items() if name.split(".")[0] == app and not name.startswith("groups.agent.")
    }


def backwards(app: str) -> dict[str, str]:
    """Names under which Django reads a higher app's tables from a row of any app, with the table. Names that are
    also a field in a model of this app or a lower one are left out."""
    labels = {label: place for place, label in enumerate(APPS)}
    own = labels[app]
    higher: dict[str, str] = {}
    known: set[str] = set()
    for model in registry.get_models():
        if model._meta.app_label not in labels:
            continue
        for field in model._meta.get_fields(include_hidden=False):
            is_reverse = field.auto_created and field.is_relation
            table = field.related_model if is_reverse else model
            place = labels.get(table._meta.app_label, -1) if table is not None else -1
            names = {field.name}
            if is_reverse and hasattr(field, "get_accessor_name"):
                names |= {field.get_accessor_name() or field.name}
            if field.auto_created and place > own:
                higher |= dict.fromkeys(names, table._meta.label if table is not None else "")
            elif place <= own:
                known |= names
    return {name: table for name, table in higher.items() if name not in known}


def declared(app: str) -> set[str]:
    """Names that classes of this app or a lower one give to attributes and methods of their own."""
    trees = [tree for lower in APPS[: APPS.index(app) + 1] for tree in product(lower).values()]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = set()
    for node in (node for one in classes for node in ast.walk(one)):
        if isinstance(node, ast.AnnAssign | ast.FunctionDef):
            name = node.target if isinstance(node, ast.AnnAssign) else node.name
            found.add(name if isinstance(name, str) else getattr(name, "attr", getattr(name, "id", "")))
    return found


def reads(tree: ast.AST, names: set[str], sure: set[str]) -> Iterator[tuple[int, str]]:
    """Line and text of what reads one of `names` backwards. Attributes that are in `sure` are nothing else unless they
    are called; others count if a method of a manager follows."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            inner = node.value
            is_query = isinstance(inner, ast.Attribute) and inner.attr in names - sure and node.attr in MANAGER
            if is_query or (node.attr in sure and id(node) not in functions):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.keyword) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            lookup = str(node.arg if isinstance(node, ast.keyword) else node.value).lstrip("-")
            if re.fullmatch(r"\w+__\w+", lookup) and names & set(lookup.split("__")):
                yield node.lineno, lookup
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in LOOKUPS - {"annotate", "aggregate", "alias"}:
            yield from ((node.lineno, keyword.arg) for keyword in node.keywords if keyword.arg in names)
        if called in PATHS:
            texts = [part for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            yield from ((node.lineno, str(text.value)) for text in texts if str(text.value).lstrip("-") in names)


@pytest.mark.parametrize("app", LOWER_APPS)
def test_no_row_of_a_higher_app_is_read_backwards(app: str) -> None:
    names = backwards(app)
    sure = names.keys() - declared(app)
    assert {"memberships", "support_case"} <= sure
    wrong = [
        f"{name}:{line} {text}" for name, tree in product(app).items() for line, text in reads(tree, set(names), sure)
    ]
    assert not wrong


@pytest.mark.parametrize("app", LOWER_APPS)
def test_no_model_of_a_higher_app_is_found_by_way_of_django(app: str) -> None:
    """Neither by `_meta` of a relation nor by the registry of apps."""
    wrong = [
        f"{name}:{node.lineno} .{node.attr}"
        for name, tree in product(app).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in DETOURS
    ]
    assert not wrong


@pytest.mark.parametrize("app", LOWER_APPS)
def test_no_table_of_a_higher_app_is_in_sql(app: str) -> None:
    higher = APPS[APPS.index(app) + 1 :]
    tables = {model._meta.db_table for model in registry.get_models() if model._meta.app_label in higher}
    assert "portal_organization" in tables
    wrong = [
        f"{name}:{node.lineno} {node.value!r}"
        for name, tree in product(app).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and tables & set(re.split(r"\W+", node.value))
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("row.members.all()", ["row.members"]),
        ("for member in row.members: ...", ["row.members"]),
        ("row.case.state", ["row.case"]),
        ("row.texts.filter(a=1)", ["row.texts.filter"]),
        ("row.texts.first()", ["row.texts.first"]),
        ("row.texts.append(1)", []),
        ("match.members()", []),
        ("rows.filter(members__user=1)", ["members__user"]),
        ("rows.filter(members=1)", ["members"]),
        ("Q(members=1)", ["members"]),
        ("make(texts=1)", []),
        ('rows.values("members__user")', ["members__user"]),
        ('rows.order_by("-members")', ["-members"]),
        ('rows.prefetch_related("members")', ["members"]),
        ('rows.annotate(members=Count("members"))', ["members"]),
        ('getattr(row, "case")', ["case"]),
    ],
)
def test_every_way_to_read_backwards_is_seen(source: str, found: list[str]) -> None:
    assert [text for _, text in reads(ast.parse(source), {"members", "case", "texts"}, {"members", "case"})] == found
