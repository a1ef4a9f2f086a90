"""The mutations that Cosmic Ray lacks do what their examples say."""

from __future__ import annotations

import pytest
from cosmic_ray.mutating import mutate_code

from tests.mutants.operators import operators

OWN = {name: operator for name, operator in operators().items() if type(operator).__module__.startswith("tests.")}
EXAMPLES = [(name, example) for name, operator in OWN.items() for example in operator.examples()]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda value: value if isinstance(value, str) else "")
def test_an_example_is_mutated_as_it_says(name: str, example: object) -> None:
    before, after, occurrence = (
        getattr(example, field) for field in ("pre_mutation_code", "post_mutation_code", "occurrence")
    )
    assert mutate_code(before, OWN[name], occurrence) == after
    assert mutate_code(before, OWN[name], 99) is None


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("StatementRemover", "log.info('late')\nx = 1\nreached(POINT)\nreturn_value\n"),
        ("GuardSkipper", "if late:\n    wait()\n"),
        ("ConditionDropper", "make(a=1)\nrows.filter(Q(b), **conditions)\n"),
        ("CodeReplacer", 'x = "two words"\n"""a docstring"""\nlog.info("event")\n'),
        ("EntrySwapper", 'x = {"a": 1, "b": 1}\n'),
        ("EntryRemover", "x = (1,)\ny = [a for a in b]\n"),
    ],
)
def test_what_has_no_effect_or_another_operator_is_left(name: str, source: str) -> None:
    assert mutate_code(source, OWN[name], 0) is None


def test_lines_keep_their_numbers() -> None:
    source = "a(\n    b,\n    c=1,\n)\nrows.filter(\n    a=1,\n    b=2,\n)\nx = {\n    1,\n    2,\n}\ny = 3\n"
    for operator in OWN.values():
        occurrence = 0
        while (mutated := mutate_code(source, operator, occurrence)) is not None:
            assert mutated.splitlines()[12] == "y = 3", mutated
            compile(mutated, "mutated", "exec")
            occurrence += 1
