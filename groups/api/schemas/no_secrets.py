"""Texts of requests that are stored and shown as they are: a secret in one of them is refused, without repeating it."""

from __future__ import annotations

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from registries.foundation.secret_shapes import Secret, find_secret, secret_in_command

CODE = "looks_like_secret"
"""The code of the error, for programs."""


def _check_text(text: str) -> str:
    _refuse(find_secret(text, likely=False), "Put it into environment_variables or registry_authentication")
    return text


def _check_command(words: list[str] | None) -> list[str] | None:
    _refuse(secret_in_command(words or []), "Put it into environment_variables, and use the variable in the command")
    return words


def _check_user(name: str) -> str:
    _refuse(find_secret(name, likely=False), "Send the name here, and the secret in its own field")
    return name


def _refuse(secret: Secret | None, advice: str) -> None:
    if secret is not None:
        raise PydanticCustomError(CODE, "This looks like {kind}. {advice}", {"kind": secret.kind, "advice": advice})


NO_SECRET = AfterValidator(_check_text)
NO_SECRET_IN_COMMAND = AfterValidator(_check_command)
NO_SECRET_AS_USER = AfterValidator(_check_user)
