"""Who may know whom: one ordered list of rooms, and every pair of them is checked.

A room is a folder or a module. It imports from rooms above it in this list and from itself, wherever the import
stands, and names no room below it in a dotted string. Rooms on one line do not know each other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
APPS = ("registries", "groups", "portal")

LEVELS: list[tuple[str, ...]] = [
    ("groups.agent",),  # a program of its own, for another machine
    ("registries.failures",),
    ("registries.foundation",),
    ("registries.oci",),
    ("registries.hosts", "registries.authorities"),
    ("registries.providers",),
    ("registries.models",),
    ("registries.secrets",),
    ("registries.credential_rows",),
    ("registries.actions",),
    ("registries.forms",),
    ("registries.admin", "registries.views"),
    ("registries.urls",),
    ("groups.failures", "groups.failpoints"),
    ("groups.rules.group_settings",),  # limits and names, which models have as well
    ("groups.models",),
    ("groups.rules",),
    ("groups.storage",),
    ("groups.ingest",),
    ("groups.delivery",),
    ("groups.actions",),
    ("groups.nodes",),
    ("groups.queries",),
    ("groups.web", "groups.api", "groups.admin", "groups.templatetags"),
    ("groups.jobs", "groups.sweep", "groups.urls"),
    ("groups.worker",),
    ("portal.formats", "portal.models", "portal.mail"),
    ("portal.config",),
    ("portal.settings",),
    ("portal.http.requests", "portal.http.actors"),  # what every view has in hand
    ("portal.audit",),
    ("portal.organizations",),
    ("portal.accounts",),
    ("portal.notifications",),
    ("portal.support",),
    ("portal.http", "portal.templatetags", "portal.api"),
    ("portal.home", "portal.operations"),
    ("portal.admin",),
    ("portal.urls",),
    ("portal.wsgi",),
    ("portal.runtime", "portal.demo"),
    ("portal.management",),
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
NO_DJANGO = ("registries.oci", "registries.providers", "registries.failures", "groups.agent")
# portal.settings is the portal's list of dotted names: Django asks for strings there.
STRINGS_ALLOWED = ("portal.settings",)
RELATIONS = ("ForeignKey", "OneToOneField", "ManyToManyField", "include")
MANAGER = {
    "all",
    "filter",
    "exclude",
    "exists",
    "count",
    "get",
    "first",
    "last",
    "values",
    "values_list",
    "order_by",
    "annotate",
    "aggregate",
    "create",
    "update",
    "delete",
    "select_related",
    "prefetch_related",
    "latest",
}
DOTTED = re.compile(r"(?:registries|groups|portal)(?:\.\w+)+")


def modules() -> dict[str, Path]:
    found = {}
    for app in APPS:
        for path in sorted((CHECKOUT / app).rglob("*.py")):
            name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
            if "migrations" not in path.parts and name != app:
                found[name] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def room_of(name: str) -> str | None:
    """The room of a dotted name: the longest entry of the list that it begins with."""
    parts = name.split(".")
    return next(
        (".".join(parts[:count]) for count in range(len(parts), 0, -1) if ".".join(parts[:count]) in LEVEL), None
    )


def members(room: str) -> list[str]:
    return [name for name in MODULES if room_of(name) == room]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and value of every string that is a dotted name of ours, but for the targets of relations and includes."""
    exempt: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in RELATIONS:
            exempt |= {
                id(argument) for argument in [*node.args[:1], *(k.value for k in node.keywords if k.arg == "to")]
            }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in exempt:
            continue
        if DOTTED.fullmatch(node.value):
            yield node.lineno, node.value


def is_below(room: str, other: str) -> bool:
    """Whether `room` may know `other`: it is the same room, or one of a level before."""
    return room == other or LEVEL[other] < LEVEL[room]


def test_each_module_has_one_room_and_each_room_is_there() -> None:
    homeless = [name for name in MODULES if room_of(name) is None]
    assert not homeless
    assert len(LEVEL) == sum(len(rooms) for rooms in LEVELS)
    empty = [room for room in LEVEL if not members(room)]
    assert not empty


def test_no_import_is_relative() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{name}:{node.lineno} hides its room"


@pytest.mark.parametrize("room", LEVEL)
def test_no_room_imports_one_that_is_higher(room: str) -> None:
    wrong = []
    for name in members(room):
        for line, target in imports(TREES[name]):
            other = room_of(target)
            if other is not None and not is_below(room, other):
                wrong.append(f"{name}:{line} imports {target}")
            elif other is None and target.split(".")[0] in APPS and target.split(".")[0] == target:
                wrong.append(f"{name}:{line} imports the whole of {target}")
    assert not wrong


@pytest.mark.parametrize("room", LEVEL)
def test_no_room_names_a_higher_one_in_a_string(room: str) -> None:
    wrong = []
    for name in members(room):
        if room in STRINGS_ALLOWED:
            continue
        for line, value in strings(TREES[name]):
            other = room_of(value)
            is_model = re.fullmatch(r"(registries|groups|portal)\.[A-Z]\w*", value)
            if other is not None and not is_below(room, other):
                wrong.append(f"{name}:{line} names {value}")
            elif is_model and APPS.index(value.split(".")[0]) > APPS.index(room.split(".")[0]):
                wrong.append(f"{name}:{line} names the model {value}")
    assert not wrong


@pytest.mark.parametrize("room", NO_DJANGO)
def test_what_runs_without_django_imports_none(room: str) -> None:
    wrong = [
        f"{name}:{line}"
        for name in members(room)
        for line, target in imports(TREES[name])
        if target.split(".")[0] == "django"
    ]
    assert not wrong


def test_the_agent_knows_nothing_of_the_portal() -> None:
    wrong = [
        f"{name}:{line} imports {target}"
        for name in members("groups.agent")
        for line, target in imports(TREES[name])
        if target.split(".")[0] in APPS and room_of(target) != "groups.agent"
    ]
    assert not wrong


@pytest.mark.parametrize("app", APPS[:2])
def test_no_model_of_a_higher_app_is_found_by_way_of_django(app: str) -> None:
    """Neither by `_meta` of a relation nor by the registry of apps."""
    detours = {"related_model", "remote_field", "get_model", "get_models", "get_app_config", "_related_objects"}
    wrong = [
        f"{name}:{node.lineno} .{node.attr}"
        for name, tree in TREES.items()
        if name.split(".")[0] == app
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in detours
    ]
    assert not wrong


def backwards(app: str) -> dict[str, str]:
    """Names under which Django reads a higher app's tables from a row of any app, with the table. Names that are
    something else, too, in a model of this app or a lower one say nothing and are left out."""
    from django.apps import apps as registry

    own = APPS.index(app)
    labels = {label: place for place, label in enumerate(APPS)}
    higher: dict[str, str] = {}
    known: set[str] = set()
    for model in registry.get_models():
        if model._meta.app_label not in labels:
            continue
        for field in model._meta.get_fields(include_hidden=False):
            table = field.related_model if field.auto_created and field.is_relation else model
            place = labels.get(table._meta.app_label, -1) if table is not None else -1
            names = {field.name}
            if field.auto_created and field.is_relation and hasattr(field, "get_accessor_name"):
                names |= {field.get_accessor_name() or field.name}
            if field.auto_created and place > own:
                higher |= dict.fromkeys(names, table._meta.label if table is not None else "")
            elif place <= own:
                known |= names
    return {name: table for name, table in higher.items() if name not in known}


@pytest.mark.parametrize("app", APPS[:2])
def test_no_row_of_a_higher_app_is_read_backwards(app: str) -> None:
    """Neither as an attribute (`credential.images`) nor in a lookup (`filter(images__…)`, `"images__…"`)."""
    names = backwards(app)
    assert names
    wrong = []
    for name, tree in TREES.items():
        if name.split(".")[0] != app or room_of(name) == "groups.agent":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in MANAGER:
                read = node.value
                if isinstance(read, ast.Attribute) and read.attr in names:
                    wrong.append(f"{name}:{read.lineno} .{read.attr}.{node.attr} ({names[read.attr]})")
            elif isinstance(node, ast.keyword) and node.arg and "__" in node.arg:
                first = [part for part in node.arg.split("__") if part in names]
                wrong += [f"{name}:{node.value.lineno} {node.arg} ({names[part]})" for part in first]
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(r"-?\w+__\w+", node.value)
            ):
                first = [part for part in node.value.lstrip("-").split("__") if part in names]
                wrong += [f"{name}:{node.lineno} {node.value!r} ({names[part]})" for part in first]
    assert not wrong
