"""No line of the product turns the verification of certificates off, and no setting could."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.product_modules import TREES

OFF = {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "_create_stdlib_context"}
SKIPS = re.compile(r"(insecure|skip|disable|no)[-_]?(tls|ssl|cert|verif)|verify[-_]?(tls|ssl|cert)", re.IGNORECASE)


def switches(tree: ast.AST) -> list[str]:
    """What switches verification off, or looks like the name of a switch that would."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in OFF:
            found.append(node.attr)
        elif isinstance(node, ast.keyword) and node.arg in {"verify", "check_hostname", "assert_hostname"}:
            found += [node.arg] if isinstance(node.value, ast.Constant) and not node.value.value else []
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr in {"verify", "check_hostname"} for target in node.targets
        ):
            found += ["assigned"] if isinstance(node.value, ast.Constant) and not node.value.value else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            found += [node.value] if SKIPS.search(node.value) else []
    return found


def test_nothing_switches_it_off() -> None:
    assert {name: found for name, tree in TREES.items() if (found := switches(tree))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "requests.get(url, verify=False)",
        "session.verify = False",
        "context.check_hostname = False",
        "context.verify_mode = ssl.CERT_NONE",
        "ssl._create_unverified_context()",
        "env.bool('PORTAL_INSECURE_TLS')",
        "env.bool('PORTAL_SKIP_VERIFY')",
    ],
)
def test_a_switch_is_seen(source: str) -> None:
    assert switches(ast.parse(source)) != []
