"""The mutations: Cosmic Ray's, without those that repeat each other, and seven of our own.

Cosmic Ray replaces operators, numbers and booleans. It has none that forgets a step, drops a condition of a query,
skips a guard or changes an entry of a table, which are the changes that a review of these modules looks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import Name, String
from parso.python.tree import Operator as Sign

Position = tuple[tuple[int, int], tuple[int, int]]
QUERY_METHODS = frozenset({"filter", "exclude", "get", "update", "Q"})
_WITHOUT_EFFECT = ("log.", "logger.", "reached(")
"""Beginnings of statements that write a log or name a failpoint, which is nothing without a test of faults."""
_CORE = (
    "AddNot",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "NumberReplacer",
    "RemoveDecorator",
    "ZeroIterationForLoop",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_Lt_Gt",
    "ReplaceComparisonOperator_LtE_GtE",
    "ReplaceComparisonOperator_Gt_Lt",
    "ReplaceComparisonOperator_GtE_LtE",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_Add",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_LShift_RShift",
    "ReplaceBinaryOperator_RShift_LShift",
)


class StatementRemover(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Forgets a step: a call, an augmented assignment, an assignment to an attribute, or a `raise`."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "simple_stmt" and _is_step(node.children[0]):
            yield (node.start_pos, node.children[0].end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        first = node.children[0]
        # A statement over several lines keeps them, so that the lines below it keep their numbers.
        lines = first.end_pos[0] - first.start_pos[0]
        node.children[0] = Name("pass" + "\n" * lines, first.start_pos, _prefix(first))
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example("log_out(user)\n", "pass\n"), Example("if late:\n    raise Late\n", "if late:\n    pass\n"))


class GuardSkipper(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Never takes a branch that ends in `raise` or `return`."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "if_stmt" and _ends(node.children[3]):
            yield (node.children[1].start_pos, node.children[1].end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        condition = node.children[1]
        code = condition.get_code(include_prefix=False)
        node.children[1] = Name(f"False and ({code})", condition.start_pos, _prefix(condition))
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example("if a or b:\n    return\n", "if False and (a or b):\n    return\n"),)


class HandlerSkipper(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Makes an `except` catch nothing. (Cosmic Ray's own fails on dotted names.)"""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "except_clause":
            yield (node.children[1].start_pos, node.children[1].end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        node.children[1] = Name("()", node.children[1].start_pos, _prefix(node.children[1]))
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example("try: pass\nexcept a.B as c: pass", "try: pass\nexcept () as c: pass"),)


class ConditionDropper(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Drops a keyword argument of a query: a condition, or a field that it sets."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        yield from [(argument.start_pos, argument.end_pos) for argument in _conditions(node)]

    def mutate(self, node: Any, index: int) -> Any:
        [*arguments] = _conditions(node)
        dropped = arguments[index]
        holder = dropped.parent
        place = holder.children.index(dropped)
        if holder.type == "arglist":
            end = place + 2 if place + 1 < len(holder.children) else place + 1
            start = place if end == place + 2 else place - 1
            kept = _newlines(holder.children[start:end])
            del holder.children[start:end]
            _append_newlines(holder, kept)
        else:
            holder.children[place] = Name(_newlines([dropped]), dropped.start_pos, "")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            Example("rows.filter(a=1, b=2)", "rows.filter( b=2)"),
            Example("rows.filter(a=1, b=2)", "rows.filter(a=1)", occurrence=1),
            Example("rows.filter(a=1)", "rows.filter()"),
        )


class CodeReplacer(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Changes a string without blanks, such as a code, a key or the name of a field."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if isinstance(node, String) and _is_code(node):
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        node.value = node.value[:-1] + "_x" + node.value[-1]
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example('code = "too_large"', 'code = "too_large_x"'),)


class EntrySwapper(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Gives an entry of a dictionary the next value that differs from its own."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        yield from [(node.children[place].start_pos, node.children[place].end_pos) for place, _ in _swaps(node)]

    def mutate(self, node: Any, index: int) -> Any:
        place, code = list(_swaps(node))[index]
        value = node.children[place]
        padding = "\n" * (value.end_pos[0] - value.start_pos[0])
        node.children[place] = Name(f"({code}{padding})" if padding else code, value.start_pos, _prefix(value))
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example('x = {"a": R.A, "b": R.B}', 'x = {"a": R.B, "b": R.B}'),)


class EntryRemover(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Removes an entry of a dictionary, set, list or tuple that has several."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        yield from [(node.children[start].start_pos, node.children[end - 1].end_pos) for start, end in _entries(node)]

    def mutate(self, node: Any, index: int) -> Any:
        start, end = list(_entries(node))[index]
        kept = _newlines(node.children[start:end])
        del node.children[start:end]
        if len(node.children) == 1 and node.get_previous_leaf().value == "(":
            node.children.append(Name(",", node.end_pos, ""))  # still a tuple
        _append_newlines(node, kept)
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            Example("x = {1, 2, 3}", "x = { 2, 3}"),
            Example("x = (1, 2)", "x = ( 2,)"),
            Example("x = (1, 2)", "x = (1,)", occurrence=1),
            Example('x = {"a": 1, "b": 2}', 'x = { "b": 2}'),
        )


def operators() -> dict[str, Operator]:
    """All operators by name."""
    core = OperatorProvider()
    ours = (StatementRemover, GuardSkipper, HandlerSkipper, ConditionDropper, CodeReplacer, EntrySwapper, EntryRemover)
    return {name: core[name]() for name in _CORE} | {operator.__name__: operator() for operator in ours}


def _prefix(node: Any) -> str:
    return str(node.get_first_leaf().prefix)


def _newlines(nodes: list[Any]) -> str:
    """The line ends in these nodes' text."""
    return "\n" * "".join(str(node.get_code()) for node in nodes).count("\n")


def _append_newlines(node: Any, newlines: str) -> None:
    """Add line ends after a node in brackets, so that later lines keep their numbers."""
    if newlines:
        node.children.append(Name(newlines, node.end_pos, ""))


def _is_step(node: Any) -> bool:
    if node.type == "raise_stmt":
        return True
    if node.type == "atom_expr":  # a call whose result nobody uses
        code = node.get_code(include_prefix=False)
        is_call = node.children[-1].get_code().startswith("(")
        return is_call and not code.startswith(_WITHOUT_EFFECT)
    if node.type == "expr_stmt":
        target, sign = node.children[0], node.children[1]
        if sign.type == "operator" and sign.value != "=":
            return True  # an augmented assignment
        return bool(sign.type == "operator" and target.type == "atom_expr")
    return False


def _ends(body: Any) -> bool:
    last = body
    while last.type in ("suite", "simple_stmt"):
        last = [child for child in last.children if child.type != "newline"][-1]
    return last.type in ("raise_stmt", "return_stmt") or (last.type == "keyword" and last.value == "return")


def _conditions(node: Any) -> Iterator[Any]:
    if node.type != "trailer" or node.children[0].value != "(" or len(node.children) != 3:
        return
    before = node.get_previous_leaf()
    if before is None or before.type != "name" or before.value not in QUERY_METHODS:
        return
    inside = node.children[1]
    for argument in inside.children if inside.type == "arglist" else [inside]:
        if (
            argument.type == "argument"
            and argument.children[1].type == "operator"
            and argument.children[1].value == "="
        ):
            yield argument


def _is_code(node: Any) -> bool:
    text = node.value
    if (
        text.startswith(("'''", '"""'))
        or text[0] not in "'\""
        or any(char.isspace() for char in text)
        or len(text) <= 2
    ):
        return False
    return node.parent.type not in ("simple_stmt", "file_input", "strings") and not _is_log(node)


def _is_log(node: Any) -> bool:
    while node is not None and node.type not in ("simple_stmt", "file_input"):
        node = node.parent
    return node is not None and node.get_code(include_prefix=False).startswith((*_WITHOUT_EFFECT, "__"))


def _swaps(node: Any) -> Iterator[tuple[int, str]]:
    if node.type != "dictorsetmaker":
        return
    places = [
        place + 1 for place, child in enumerate(node.children[:-1]) if isinstance(child, Sign) and child.value == ":"
    ]
    codes = [node.children[place].get_code(include_prefix=False) for place in places]
    for position, place in enumerate(places):
        others = codes[position + 1 :] + codes[:position]
        differing = next((code for code in others if code != codes[position]), None)
        if differing is not None and "\n" not in differing:
            yield place, differing


def _entries(node: Any) -> Iterator[tuple[int, int]]:
    if node.type not in ("dictorsetmaker", "testlist_comp") or node.children[-1].type in ("comp_for", "sync_comp_for"):
        return
    commas = [place for place, child in enumerate(node.children) if isinstance(child, Sign) and child.value == ","]
    ends = [place + 1 for place in commas]
    if not ends or ends[-1] != len(node.children):
        ends.append(len(node.children))
    starts = [0, *ends[:-1]]
    if len(ends) < 2:
        return
    for start, end in zip(starts, ends, strict=True):
        if end == len(node.children) and not (isinstance(node.children[end - 1], Sign)):
            start -= 1  # the comma before the last entry goes with it
        yield start, end
