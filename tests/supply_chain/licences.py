"""Checks the licences of the packages that the product is run with: `python -m tests.supply_chain.licences`.

They are those of `requirements.txt`, as installed here. Tools of the tests are not distributed with the product.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements.txt"
ALLOWED = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD", "MIT", "MIT-0", "PSF-2.0", "MPL-2.0", "ISC", "ZPL-2.1"),
    *("0BSD", "Unlicense", "CNRI-Python", "Python-2.0", "LGPL-3.0-only", "LGPL-3.0-or-later"),
}
"""By their SPDX names. Those that ask for the source of what uses them are not among them; LGPL's ask for that of the
package alone, which is imported and not changed."""
NAMES = {
    r"apache( software)?( license)?(,? version)? ?2(\.0)?|apache software license|apache license": "Apache-2.0",
    r"(the )?mit( license)?": "MIT",
    r"(new |modified |3-clause )bsd( license)?|bsd[- ]3[- ]clause( license)?": "BSD-3-Clause",
    r"(simplified |2-clause )bsd( license)?|bsd[- ]2[- ]clause( license)?": "BSD-2-Clause",
    r"bsd( license)?": "BSD",
    r"python software foundation license|psfl?": "PSF-2.0",
    r"mozilla public license 2\.0( \(mpl 2\.0\))?": "MPL-2.0",
    r"zope public license": "ZPL-2.1",
    r"gnu (library or )?lesser general public license v3.*|lgplv3\+?|lgpl-3\.0": "LGPL-3.0-only",
}
KNOWN = {"qrcode": ("BSD-3-Clause AND MIT", "its LICENSE: BSD, with parts of another project under MIT")}
"""Packages whose metadata say nothing that can be read: their licence, and where it was read."""


def locked(lock: Path = LOCK) -> list[str]:
    """The names of the packages of a lock file, in one form."""
    return [
        _name(found) for found in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", lock.read_text(), re.MULTILINE)
    ]


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def licence_of(package: Distribution) -> str:
    """An SPDX expression, as far as the package's metadata say so; empty if they say nothing."""
    meta = package.metadata
    if "License-Expression" in meta:
        return meta["License-Expression"]
    (declared, *_) = meta.get_all("License") or [""]
    classified = [text.split(" :: ")[-1] for text in meta.get_all("Classifier", []) if text.startswith("License ::")]
    texts = [text for text in classified if text != "OSI Approved"] or declared.splitlines()[:1]
    named = [_spdx(text) for text in texts]
    return " AND ".join(filter(None, named))


def _spdx(text: str) -> str:
    for pattern, name in NAMES.items():
        if re.fullmatch(pattern, text.strip(), re.IGNORECASE):
            return name
    return text.strip()


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression allows what we do: one side of each OR, and each side of an AND."""
    alternatives = re.split(r"\s+OR\s+", expression.replace("(", "").replace(")", ""))
    return any(
        all(part.partition(" WITH ")[0] in ALLOWED for part in re.split(r"\s+AND\s+", alternative))
        for alternative in alternatives
    )


def judge() -> dict[str, str]:
    """The licence of each locked package that is installed and whose licence is not allowed."""
    installed = {_name(package.metadata["Name"]): package for package in distributions()}
    found = {}
    for name in locked():
        package = installed.get(name)  # some are for other systems
        licence = licence_of(package) if package else "MIT"
        if package and name in KNOWN and not is_allowed(licence):
            licence = KNOWN[name][0]
        if not is_allowed(licence):
            found[name] = licence or "unknown"
    return found


def main() -> int:
    found = judge()
    for name, licence in found.items():
        print(f"{name}: {licence}")
    print(json.dumps({"name": "licences", "packages": len(locked()), "refused": len(found)}))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
