"""The bill of materials has every locked package with its hashes, and what is in the repository itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.supply_chain.licences import locked
from tests.supply_chain.sbom import NPM, VENDORED, complete, vendored


@pytest.fixture
def document() -> dict[str, Any]:
    """As cyclonedx-py makes it, without what doesn't matter here."""
    hashes = [{"hashes": [{"alg": "SHA-256", "content": "0" * 64}]}]
    components = [{"bom-ref": f"L{name}", "name": name, "externalReferences": hashes} for name in locked()]
    return {"bomFormat": "CycloneDX", "components": components}


def test_what_is_in_the_repository_is_added_once(document: dict[str, Any]) -> None:
    done = complete(complete(document))

    names = [component["name"] for component in done["components"]]
    assert sorted(names) == sorted([*locked(), *NPM])
    assert {folder.name for folder in VENDORED.parent.iterdir() if folder.is_dir()} == set(NPM)
    assert [(one["version"], one["licenses"][0]["license"]["id"]) for one in vendored()] == [
        ("1.6.1", "MIT"),
        ("3.51.0", "MIT"),
        ("5.3.0", "OFL-1.1"),
    ]


def test_a_package_that_is_missing_or_has_no_hash(document: dict[str, Any]) -> None:
    document["components"][0].pop("externalReferences")
    with pytest.raises(ValueError, match="has no hash"):
        complete(document)
    gone = document["components"].pop(0)
    with pytest.raises(ValueError, match=gone["name"]):
        complete(document)
