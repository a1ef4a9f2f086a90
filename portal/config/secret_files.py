"""Secrets from files: any variable may be named with the suffix `_FILE` instead and hold a path."""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit, urlunsplit

from environs import FileAwareEnv


class SecretFileInvalid(ValueError):
    """A `…_FILE` names no readable file of text; the message names the variable and nothing else."""


class SecretEnv(FileAwareEnv):
    """Reads variables, or the files that they name. A line end behind a secret, which editors and `echo` add, is not
    part of it."""

    def __init__(self) -> None:
        super().__init__(strip_whitespace=True)

    def _get_value(self, env_key: str, default: object) -> object:
        try:
            return super()._get_value(env_key, default)
        except (ValueError, OSError):  # not readable, or no text
            raise SecretFileInvalid(f"{env_key}{self.file_suffix} needs the path of a readable text file") from None


def is_named(name: str) -> bool:
    """Whether a variable or its file is named in this process's environment, without reading it."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def with_password(url: str, password: str) -> str:
    """Return a URL with this password instead of its own. Without a password it is returned as it is."""
    if not password:
        return url
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"))
