"""Which room may import which: one ordered list, lowest first, and every pair is checked.

A room is a folder or a module. It imports only itself and rooms of earlier lines, at the top of a module or anywhere
else in it, and names no other room in a dotted string.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.product_modules import APPS, CHECKOUT, MODULES, TREES

LEVELS: list[tuple[str, ...]] = [
    ("groups.agent",),  # a program of its own, for another machine
    ("registries.failures",),
    ("registries.foundation",),
    ("registries.oci",),
    ("registries.hosts", "registries.authorities"),
    ("registries.providers",),
    ("registries.models",),
    ("registries.secrets",),
    ("registries.federation",),
    ("registries.credential_rows",),
    ("registries.trusts",),
    ("registries.actions",),
    ("registries.forms",),
    ("registries.admin", "registries.views", "registries.trust_views"),
    ("registries.urls",),
    ("groups.failures", "groups.failpoints", "groups.queues"),
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
    ("portal.http.devices", "portal.http.forwarded_header"),
    ("portal.http.client_address",),
    ("portal.http.requests", "portal.http.actors", "portal.accounts.notices"),  # what every view has in hand
    ("portal.http.body_limits",),
    ("portal.audit",),
    ("portal.accounts.factor_rows", "portal.accounts.reset_tokens"),
    ("portal.accounts.second_factors",),
    ("portal.accounts.authority",),  # what a team needs of accounts, up to here
    ("portal.accounts.session_epoch",),
    ("portal.accounts.address_proof",),
    ("portal.organizations",),
    ("portal.accounts",),
    ("portal.notifications",),
    ("portal.support",),
    ("portal.http", "portal.templatetags", "portal.api", "portal.issuers"),
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
DOTTED = re.compile(r"(?<![\w./-])(?:registries|groups|portal)\.(?:\w+\.)*\w*(?![\w/-])")
"""A dotted name of ours, whole or the beginning of one, wherever it is in a text."""


def room_of(name: str) -> str | None:
    """The room of a dotted name: the longest entry of the list that it begins with."""
    parts = name.split(".")
    return next(
        (".".join(parts[:count]) for count in range(len(parts), 0, -1) if ".".join(parts[:count]) in LEVEL), None
    )


def members(room: str) -> list[str]:
    return [name for name in MODULES if room_of(name) == room]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, anywhere in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and value of every dotted name of ours in a string, but for docstrings and the targets of relations and
    includes."""
    exempt: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in RELATIONS:
            targets = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "to")]
            exempt |= {id(argument) for argument in targets}
        elif isinstance(node, ast.Expr):
            exempt.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exempt:
            yield from ((node.lineno, name.rstrip(".")) for name in DOTTED.findall(node.value))


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
            elif other is None and target.split(".")[0] in APPS:
                wrong.append(f"{name}:{line} imports {target}, which has no room")
    assert not wrong


@pytest.mark.parametrize("room", LEVEL)
def test_no_room_names_a_higher_one_in_a_string(room: str) -> None:
    wrong = []
    for name in members(room):
        if room in STRINGS_ALLOWED:
            continue
        for line, value in strings(TREES[name]):
            other = room_of(value)
            if other is not None and not is_below(room, other):
                wrong.append(f"{name}:{line} names {value}")
            elif other is None and APPS.index(value.split(".")[0]) > APPS.index(room.split(".")[0]):
                wrong.append(f"{name}:{line} names {value} of a higher app")
    assert not wrong


@pytest.mark.parametrize("room", NO_DJANGO)
def test_what_runs_without_django_is_imported_without_it(room: str) -> None:
    """By a Python in which there is no Django, so that no module imports it by way of another either."""
    program = "import sys, importlib; sys.modules['django'] = None; [importlib.import_module(n) for n in sys.argv[1:]]"
    names = [name for name in members(room) if not name.endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", program, *names], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_agent_knows_nothing_of_the_portal() -> None:
    wrong = [
        f"{name}:{line} imports {target}"
        for name in members("groups.agent")
        for line, target in imports(TREES[name])
        if target.split(".")[0] in APPS and room_of(target) != "groups.agent"
    ]
    assert not wrong


SOURCES = {
    "from portal.models import User": ["portal.models.User"],
    "def later():\n    import portal.audit.log": ["portal.audit.log"],
    "from portal import *": ["portal.*"],
}
NAMES = {
    'x = "portal.audit.log.append"': ["portal.audit.log.append"],
    'x = f"portal.support.{name}"': ["portal.support"],
    'x = "portal." + name': ["portal"],
    'x = "--class portal.models.User --burst"': ["portal.models.User"],
    'x = models.ForeignKey("portal.Organization", on_delete=CASCADE)': [],
    'x = models.ForeignKey(User, through="portal.Membership")': ["portal.Membership"],
    'path("", include("portal.urls"))': [],
    '"""As in portal.models."""': [],
    'x = "portal/models.py and https://groups.example.com/"': [],
    'x = "my-portal.example.com, a.groups.b"': [],
}


def test_every_way_to_name_a_module_is_seen() -> None:
    assert {source: [name for _, name in imports(ast.parse(source))] for source in SOURCES} == SOURCES
    assert {source: [name for _, name in strings(ast.parse(source))] for source in NAMES} == NAMES
