"""Adds what is in the repository itself to the bill of materials that cyclonedx-py made of the lock file.

    python -m tests.supply_chain.sbom sbom.json

Files under `portal/static/vendor` are components too: their README names them with version and licence.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.supply_chain.licences import LOCK, locked

VENDORED = Path(__file__).parents[2] / "portal/static/vendor/README.md"
ROW = re.compile(r"^\| ([\w-]+) \| (.+?) \| ([\w.]+) \| (MIT|SIL OFL 1\.1)", re.MULTILINE)
NPM = {"tabler": "%40tabler/core", "tabler-icons": "%40tabler/icons", "inter": "%40fontsource-variable/inter"}
SPDX = {"MIT": "MIT", "SIL OFL 1.1": "OFL-1.1"}


def vendored(readme: Path = VENDORED) -> list[dict[str, Any]]:
    """The components in the repository."""
    return [
        {
            "bom-ref": f"vendored-{folder}",
            "type": "library",
            "name": folder,
            "description": what,
            "version": version,
            "purl": f"pkg:npm/{NPM[folder]}@{version}",
            "licenses": [{"license": {"id": SPDX[licence]}}],
        }
        for folder, what, version, licence in ROW.findall(readme.read_text())
    ]


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add what is missing. Raises ValueError if a locked package is not in the document, or has no hash."""
    components = [each for each in document["components"] if not each["bom-ref"].startswith("vendored-")]
    names = {re.sub(r"[-_.]+", "-", component["name"]).lower() for component in components}
    if missing := set(locked(LOCK)) - names:
        raise ValueError(f"not in the bill of materials: {', '.join(sorted(missing))}")
    for component in components:
        if not any(reference.get("hashes") for reference in component.get("externalReferences", ())):
            raise ValueError(f"{component['name']} has no hash")
    return {**document, "components": [*components, *vendored()]}


def main(path: Path) -> int:
    document = complete(json.loads(path.read_text()))
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps({"name": "sbom", "file": path.name, "components": len(document["components"])}))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
