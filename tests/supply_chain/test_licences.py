"""Licences are read from what packages say of themselves, and those of the product's packages are allowed."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import Distribution
from types import SimpleNamespace
from typing import cast

import pytest

from tests.supply_chain.licences import is_allowed, judge, licence_of, locked


def described(**headers: str) -> Distribution:
    """A package with these headers; several of one name are separated by a semicolon."""
    metadata = Message()
    for name, values in headers.items():
        for value in values.split(";"):
            metadata[name.replace("_", "-")] = value
    return cast("Distribution", SimpleNamespace(metadata=metadata))


def test_the_packages_of_the_product_are_allowed() -> None:
    assert len(locked()) > 50
    assert judge() == {}


@pytest.mark.parametrize(
    ("package", "licence"),
    [
        (described(License_Expression="MIT OR Apache-2.0", License="x"), "MIT OR Apache-2.0"),
        (described(Classifier="License :: OSI Approved :: MIT License"), "MIT"),
        (described(Classifier="License :: OSI Approved;License :: OSI Approved :: BSD License"), "BSD"),
        (described(License="Apache License 2.0"), "Apache-2.0"),
        (described(License="GPL-3.0"), "GPL-3.0"),
        (described(Classifier="License :: OSI Approved :: MIT License;License :: Other/Proprietary License"),
         "MIT AND Other/Proprietary License"),
        (described(), ""),
    ],
)  # fmt: skip
def test_what_a_package_says(package: Distribution, licence: str) -> None:
    assert licence_of(package) == licence


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("(MIT AND PSF-2.0)", True),
        ("AGPL-3.0-or-later", False),
        ("", False),
    ],
)
def test_which_are_allowed(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed
