"""The mutants of a module, and a choice of them that is the same on every machine."""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code

from tests.mutants.operators import operators
from tests.support.product_modules import CHECKOUT


@dataclass(frozen=True)
class Mutant:
    """One change of one module. `path` is below the checkout. `start` and `end` are line and column of the changed
    expression. `key` stays the same while the line and the name of its function do, wherever they move."""

    path: Path
    operator: str
    occurrence: int
    definition: str
    start: tuple[int, int]
    end: tuple[int, int]
    key: str

    @cached_property
    def source(self) -> str | None:
        """The whole module as the mutant changes it; None if that does not compile or means the same."""
        original = (CHECKOUT / self.path).read_text()
        mutated = mutate_code(original, operators()[self.operator], self.occurrence)
        meaning = _meaning(mutated) if mutated is not None else None
        return None if meaning in (None, _meaning(original)) else str(mutated)

    @cached_property
    def change(self) -> tuple[str, str]:
        """The lines that differ, before and after, each side as one line."""
        return _difference((CHECKOUT / self.path).read_text(), self.source or "")

    def __str__(self) -> str:
        before, after = self.change
        return f"{self.path}:{self.start[0]} {self.definition or 'module'}: {before}  ->  {after}"


def mutants_of(path: Path) -> list[Mutant]:
    """Every mutant of the module (below the checkout), those included that will not compile."""
    source = (CHECKOUT / path).read_text()
    lines = source.splitlines()
    nodes = list(ast_nodes(get_ast(source)))
    found = []
    for name, operator in operators().items():
        positions = ((node, *position) for node in nodes for position in operator.mutation_positions(node))
        same: Counter[str] = Counter()
        for occurrence, (node, start, end) in enumerate(positions):
            definition = ASTQuery(node).get_definition_name() or ""
            text = "\0".join((str(path), name, definition, *(line.strip() for line in lines[start[0] - 1 : end[0]])))
            same[text] += 1
            key = hashlib.sha256(f"{text}\0{same[text]}".encode()).hexdigest()[:32]
            found.append(Mutant(path, name, occurrence, definition, start, end, key))
    return found


def choose(mutants: Iterable[Mutant], most: int) -> Iterator[Mutant]:
    """At most `most` of a module's mutants that compile and mean something else: in turn one of each operator, in an
    order given by a digest, so that nobody picks them and an unchanged module keeps its own."""
    by_operator: defaultdict[str, list[Mutant]] = defaultdict(list)
    for mutant in sorted(mutants, key=lambda mutant: mutant.key):
        by_operator[mutant.operator].append(mutant)
    turns = itertools.zip_longest(*(by_operator[name] for name in sorted(by_operator)))
    ordered = (mutant for turn in turns for mutant in turn if mutant is not None)
    return itertools.islice((mutant for mutant in ordered if mutant.source is not None), most)


@lru_cache(maxsize=4)
def _meaning(source: str) -> str | None:
    """The syntax tree without what is never run; None if it does not compile."""
    try:
        tree = ast.parse(source)
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return None
    return ast.dump(_WithoutTypes().visit(tree))


class _WithoutTypes(ast.NodeTransformer):
    """What only the type checker looks at, which `make check` runs: annotations (with `from __future__ import
    annotations` nothing evaluates them), names of type variables, how an argument may be passed, and whether a
    dataclass is frozen."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        given = node.args
        for argument in ast.walk(given):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        given.args, given.posonlyargs, given.kwonlyargs = [*given.posonlyargs, *given.args, *given.kwonlyargs], [], []
        given.defaults = [*given.defaults, *filter(None, given.kw_defaults)]
        given.kw_defaults = []
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("TypeVar", "ParamSpec", "NewType"):
            return ast.Name(name)
        if name == "dataclass":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "frozen"]
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            return ast.Pass()
        return self.generic_visit(node)


def _difference(before: str, after: str) -> tuple[str, str]:
    old, new = before.splitlines(), after.splitlines()
    start = next(place for place, (a, b) in enumerate(itertools.zip_longest(old, new)) if a != b)
    while len(old) > start and len(new) > start and old[-1] == new[-1]:
        old.pop()
        new.pop()
    return _one_line(old[start:]), _one_line(new[start:])


def _one_line(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
