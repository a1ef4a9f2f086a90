"""No keyword of a query, a form or a model comes from whatever a request names."""

from __future__ import annotations

import ast

import pytest

from tests.support.product_modules import TREES

FROM_REQUESTS = {"GET", "POST", "COOKIES", "META", "FILES", "headers"}


def keywords_from_requests(tree: ast.AST) -> list[str]:
    """Calls that unpack a request's parameters as keywords, such as `filter(**request.GET)`, also by way of a name."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_of_a_request(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg is None
        and (_is_of_a_request(keyword.value) or (isinstance(keyword.value, ast.Name) and keyword.value.id in names))
    ]


def _is_of_a_request(value: ast.expr) -> bool:
    """Whether it is a request's parameters, or all of them in another form (`.dict()`, a comprehension, `dict(…)`)."""
    if isinstance(value, ast.Attribute):
        return value.attr in FROM_REQUESTS
    if isinstance(value, ast.Call):
        return (isinstance(value.func, ast.Attribute) and _is_of_a_request(value.func.value)) or any(
            map(_is_of_a_request, value.args)
        )
    if isinstance(value, ast.DictComp):
        return any(_is_of_a_request(generator.iter) for generator in value.generators)
    return isinstance(value, ast.BinOp) and (_is_of_a_request(value.left) or _is_of_a_request(value.right))


def test_no_keyword_comes_from_a_request() -> None:
    assert {name: found for name, tree in TREES.items() if (found := keywords_from_requests(tree))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "rows.filter(**request.GET)",
        "rows.filter(**request.GET.dict())",
        "rows.create(**dict(request.POST.items()))",
        "rows.filter(**{name: value for name, value in request.GET.items()})",
        "asked = request.GET.dict()\nrows.filter(**asked)",
        "rows.filter(**({} | request.POST))",
    ],
)
def test_it_is_seen(source: str) -> None:
    assert len(keywords_from_requests(ast.parse(source))) == 1


@pytest.mark.parametrize("source", ["rows.filter(**known)", "rows.filter(name=request.GET['name'])", "f(*request.GET)"])
def test_other_calls_are_not(source: str) -> None:
    assert keywords_from_requests(ast.parse(source)) == []
