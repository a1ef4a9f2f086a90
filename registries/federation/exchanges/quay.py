"""Quay: the token as the robot's password, exchanged for one of an hour (Project Quay, "Keyless authentication with
robot accounts")."""

from __future__ import annotations

from contextlib import closing

from registries.failures import PullFailed, Service
from registries.federation.exchanges.exchange import (
    Answer,
    Exchange,
    no_token,
    other_failure,
    passing_failure,
    refused,
)
from registries.oci.errors import SHORT_BODY, retry_after
from registries.oci.login import Login
from registries.providers.base import Connect

_CLOUD = "Quay"
_PATH = "/oauth2/federation/robot/token"
_CASES = (
    ("keys", ("discovery", "jwks", "fetch", "connect", "retrieve")),
    ("audience", ("audience",)),
    ("time", ("expired", "not yet valid", "issued at", "iat")),
    ("key", ("signature", "decode", "kid", "algorithm")),
    ("issuer", ("issuer", "federat")),
    ("role", ("could not find robot", "no such robot", "robot account", "does not exist")),
    ("subject", ("subject", "match")),
)
"""The case of a refusal by words of Quay's message, in lower case."""


def sign_in(exchange: Exchange, token: str, connect: Connect) -> Login:
    """Return the robot's login for an hour."""
    robot = exchange.settings["robot"]
    with closing(connect(exchange.host)) as session:
        url = f"https://{exchange.host}{_PATH}"
        response = session.get(url, {"Accept": "application/json"}, Login(robot, token), service=Service.SIGN_IN)
        answer = Answer(
            response.status, response.read(SHORT_BODY) or b"", retry_after(response.headers), response.where
        )
    if answer.status != 200:
        raise _refusal(answer)
    password = answer.text("token")
    if not password:
        raise passing_failure(answer, _CLOUD) or no_token(answer, _CLOUD)
    return Login(robot, password)


def _refusal(answer: Answer) -> PullFailed:
    passing = passing_failure(answer, _CLOUD)
    if answer.status == 404:
        return refused(answer, _CLOUD, "unsupported")
    if passing is not None:
        return passing
    if answer.status in {400, 401, 403}:
        message = " ".join(answer.text(name) for name in ("message", "error_message", "detail", "error")).lower()
        case = next((case for case, words in _CASES if any(word in message for word in words)), "subject")
        return refused(answer, _CLOUD, case, setting="robot account")
    return other_failure(answer)
