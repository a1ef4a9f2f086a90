"""Limits and names of a container group's settings, shared by models, actions, forms and the API."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

from registries.foundation.refusal import Refusal

MAX_REPLICAS = 500
MAX_CPU = 16
MIN_MEMORY_MB = 128
MAX_MEMORY_MB = 61_440
MAX_GPU_CLASS_LENGTH = 100
MAX_PLATFORM_LENGTH = 40
MAX_DELETION_COST = 100_000
MAX_COMMAND_LENGTH = 8_192
"""In characters, as one line."""
MAX_ENVIRONMENT_LENGTH = 32_768
"""In characters, with one variable per line."""
MAX_VARIABLES = 100
VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"

MIN_GROUP_NAME_LENGTH = 2
MAX_GROUP_NAME_LENGTH = 63
GROUP_NAME = r"[a-z][a-z0-9-]{0,61}[a-z0-9]"
RESERVED_NAMES = frozenset({"new"})
"""Names that are part of page addresses."""


class NameTaken(Refusal):
    """The project has a group of this name."""

    code = "name_taken"
    title = "This name is taken"

    def __init__(self) -> None:
        super().__init__(
            "This project has a group of this name already. Choose another name, or open that group.", field="name"
        )


def read_environment(text: str) -> dict[str, str]:
    """Parse one `NAME=value` per line. Raises ValidationError with the line number and without any value."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise ValidationError(f"Line {number} has no = sign. Write it as NAME=value.")
        if not re.fullmatch(VARIABLE_NAME, name):
            raise ValidationError(
                f"Line {number}: a name has letters, digits and underscores, does not start with a digit, and stands "
                "directly before the = sign."
            )
        if name in values:
            raise ValidationError(f"Line {number} sets {name[:80]} a second time. Keep one of them.")
        if any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in value):
            raise ValidationError(f"Line {number} holds a control character. Type its value again.")
        values[name] = value
    if len(values) > MAX_VARIABLES:
        raise ValidationError(f"A group has at most {MAX_VARIABLES} variables.")
    return values
