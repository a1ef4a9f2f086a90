"""Which of a registry's three services a failure names, and at which host."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

import groups.failures  # noqa: F401 (registers its failures)
from registries.failures import FAILURES, PullFailed, RegistryUnreachable, Service, Where, registry_itself
from tests.support.product_modules import MODULES, TREES

_NAMES = re.compile(r"\{(?:[Pp]art|[Ww]ho|place)\}")
_WITHOUT_ONE = {
    "registries.oci.address_guard": "it knows an address only; `named_failure` adds where",
    "registries.oci.connections": "the same",
    "groups.ingest.opened_trust": "nothing was asked, but for one that has where it was met",
}


def _named(failure: type[PullFailed]) -> bool:
    """Whether the texts of a failure name the service."""
    texts = [failure.title, failure.text, failure.remedy]
    texts += [text for words in failure.cases.values() for text in (words.title, words.text, words.remedy)]
    return any(_NAMES.search(text) for text in texts)


def _made() -> Iterator[tuple[str, ast.Call]]:
    """Every place where such a failure is made, by its class's name."""
    classes = {failure.__name__ for failure in FAILURES.values() if _named(failure)}
    for module in MODULES:
        for node in ast.walk(TREES[module]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
                yield module, node


def test_every_failure_of_a_connection_says_where_it_was_met() -> None:
    """harbor#20588, harbor#3933: a failure of the storage or of the sign-in service read as one of the registry."""
    without = [
        f"{module}:{call.lineno} {ast.unparse(call)[:80]}"
        for module, call in _made()
        if module not in _WITHOUT_ONE and not {keyword.arg for keyword in call.keywords} & {None, "service"}
    ]
    assert not without, "\n".join(without)


@pytest.mark.parametrize(
    ("where", "title", "who"),
    [
        (registry_itself("harbor.example"), "The registry can't be reached", "The registry harbor.example did"),
        (
            {"host": "docker.io", "service": Service.REGISTRY, "met": "registry-1.docker.io"},
            "The registry can't be reached",
            "The registry docker.io (at registry-1.docker.io) did",
        ),
        (
            {"host": "registry.git.example", "service": Service.SIGN_IN, "met": "git.example"},
            "The registry's sign-in service can't be reached",
            "The sign-in service git.example of the registry registry.git.example did",
        ),
        (
            {"host": "harbor.example", "service": Service.STORAGE, "met": "minio.example:9000"},
            "The registry's storage can't be reached",
            "The storage minio.example:9000 of the registry harbor.example did",
        ),
        (registry_itself(""), "The registry can't be reached", "The registry did"),
    ],
)
def test_how_texts_name_it(where: Where, title: str, who: str) -> None:
    words = RegistryUnreachable(reason="it refused the connection", **where).words
    assert words.title == title
    assert words.text.startswith(f"{who} not answer")
