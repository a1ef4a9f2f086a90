"""What people paste instead of single values: logins in commands, configs and key files; images in commands and web
addresses."""

from registries.forms.paste.images import PastedImage, read_image, read_pasted_image, text_of_image
from registries.forms.paste.login import Pasted, Reading
from registries.forms.paste.reading import (
    MAX_PASTE_LENGTH,
    Selection,
    is_login_text,
    read,
    read_login,
    read_logins,
    select,
)

__all__ = [
    "MAX_PASTE_LENGTH",
    "Pasted",
    "PastedImage",
    "Reading",
    "Selection",
    "is_login_text",
    "read",
    "read_image",
    "read_login",
    "read_logins",
    "read_pasted_image",
    "select",
    "text_of_image",
]
