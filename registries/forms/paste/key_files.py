"""Keys of clouds as their consoles and tools give them: access keys of AWS, service account keys of Google, what
Azure's az prints, robot accounts of Harbor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from registries.forms.paste.login import OF_AWS, Pasted, Reading, read_scope
from registries.providers.acr import REFRESH_TOKEN_USER

_AWS = {
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "session_token": "session_token",
    "aws_access_key_id": "access_key_id",
    "accesskeyid": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "secretaccesskey": "secret_access_key",
    "aws_session_token": "session_token",
    "sessiontoken": "session_token",
}
_AZURE_TABLE = re.compile(r"USERNAME[ \t]+PASSWORD(?:[ \t]+PASSWORD2)?\s+(?:-+[ \t]*)+\s+(\S{1,99})[ \t]+(\S{1,4096})")
"""What `az acr credential show --output table` prints."""
_OTHERS_OF_GOOGLE = ("authorized_user", "external_account", "impersonated_service_account")

OF_A_PERSON = (
    "This is Google's login of a person or of another computer, not the key of a service account. Create a JSON key of "
    "a service account, and paste that."
)


def read(text: str) -> Reading:
    """Return the key in a file of JSON, or in the table that AWS offers once."""
    login = _from_csv(text)
    if login is not None:
        return Reading(logins=(login,))
    if table := _AZURE_TABLE.match(text):
        return Reading(logins=(Pasted("", table[1], table[2], "acr"),))
    if not text.startswith("{"):
        return Reading()
    try:
        document = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return Reading()
    if not isinstance(document, dict):
        return Reading()
    if document.get("type") == "service_account":
        return Reading(logins=(Pasted("", kind="google", values={"key": text}),))
    if document.get("type") in _OTHERS_OF_GOOGLE:
        return Reading(problem=OF_A_PERSON)
    if "authorizationData" in document:
        return Reading(problem=OF_AWS)
    return _of_aws_json(document) or _of_azure(document) or _of_harbor(document) or Reading()


def of_aws(values: Iterable[tuple[str, str]]) -> Pasted | None:
    """Return the access key in these names and values, however AWS's tools write the names; None if it is not
    complete."""
    found = {_AWS[name.lower()]: value for name, value in values if name.lower() in _AWS and value}
    is_complete = {"access_key_id", "secret_access_key"} <= found.keys()
    return Pasted("", kind="ecr", values=found) if is_complete else None


def _of_aws_json(document: Mapping[str, object]) -> Reading | None:
    for part in (document, document.get("Credentials"), document.get("AccessKey")):
        if isinstance(part, dict):
            login = of_aws((name, value) for name, value in part.items() if isinstance(value, str))
            if login is not None:
                return Reading(logins=(login,))
    return None


def _from_csv(text: str) -> Pasted | None:
    """The file that AWS offers once: a line of names, a line of values."""
    lines = [line.strip().strip("\ufeff") for line in text.splitlines()[:3]]
    if len(lines) < 2 or "," not in lines[0] or "," not in lines[1]:
        return None
    names = ["".join(name.split()).strip('"').lower() for name in lines[0].split(",")]
    values = [value.strip().strip('"') for value in lines[1].split(",")]
    return of_aws(zip(names, values, strict=False))


def _of_azure(document: Mapping[str, object]) -> Reading | None:
    """What `az ad sp create-for-rbac`, `az acr credential show`, `az acr token create` and `az acr login
    --expose-token` print."""
    app, password = document.get("appId"), document.get("password")
    if isinstance(app, str) and isinstance(password, str) and "tenant" in document:
        return Reading(logins=(Pasted("", app, password, "acr"),))
    token, server = document.get("accessToken") or document.get("refreshToken"), document.get("loginServer")
    if isinstance(token, str) and isinstance(server, str) and (scope := read_scope(server)) is not None:
        return Reading(logins=(Pasted(scope[0], REFRESH_TOKEN_USER, token, "acr"),))
    client, secret = document.get("clientId"), document.get("clientSecret")
    if isinstance(client, str) and isinstance(secret, str) and "tenantId" in document:  # --sdk-auth
        return Reading(logins=(Pasted("", client, secret, "acr"),))
    for part in (document, document.get("credentials")):
        username = part.get("username") if isinstance(part, dict) else None
        passwords = part.get("passwords") if isinstance(part, dict) else None
        if isinstance(username, str) and isinstance(passwords, list):
            values = [one.get("value") for one in passwords if isinstance(one, dict)]
            first = next((value for value in values if isinstance(value, str) and value), "")
            return Reading(logins=(Pasted("", username, first, "acr"),)) if first else None
    return None


def _of_harbor(document: Mapping[str, object]) -> Reading | None:
    """The file that Harbor offers for a robot account once. It doesn't name its registry."""
    name, secret = document.get("name"), document.get("secret")
    is_robot = isinstance(name, str) and name.startswith("robot") and len(name) > len("robot")
    return Reading(logins=(Pasted("", str(name), secret),)) if is_robot and isinstance(secret, str) and secret else None
