"""Docker's `config.json`, podman's `auth.json`, and the same inside of Kubernetes secrets.

Each key of `auths` is a host, perhaps with a scheme, the version of an API, or a path of repositories
(containers-auth.json(5)). Each entry has `auth`, or user name and password, or a token, or nothing if a credential
store of that computer keeps it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from registries.forms.paste.login import Pasted, Reading, read_scope
from registries.oci import strict_json
from registries.providers.acr import REFRESH_TOKEN_USER
from registries.providers.recognise import recognise

_MAX_LENGTH = 256 * 1024
_KEYRING = "the keyring of your desktop"
_ACR_HELPER = "the ACR credential helper"
_STORES = {
    "desktop": "Docker Desktop",
    "osxkeychain": "the macOS keychain",
    "wincred": "Windows",
    "secretservice": _KEYRING,
    "pass": "pass",
    "gcloud": "gcloud",
    "gcr": "gcloud",
    "ecr-login": "the ECR credential helper",
    "acr-env": _ACR_HELPER,
    "acr-linux": _ACR_HELPER,
    "acr-login": _ACR_HELPER,
    "ghcr-login": "gh",
}
"""Credential stores by the end of the name of their programs, docker-credential-…"""
_OF_DOCKER_DESKTOP = re.compile(r"(?:https?://)?index\.docker\.io/v1/(?:access|refresh)-token/?")
"""Keys for what Docker Desktop signs in to Docker Hub with; the login itself is beside them."""
_TOKEN_USER = "<token>"  # noqa: S105 (the name of a user with a token, in docker's credential stores)

_VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]*|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$\{\{.*\}\}|\{\{.*\}\}|<[A-Za-z][\w -]*>")

INVALID = "This looks like docker's config.json, but it is not valid JSON. Paste the whole file as it is."
NO_LOGIN = (
    "There is no login in this config.json. Enter a user name and an access token of the registry, or paste the "
    "docker login command that you use."
)
UNKNOWN = (
    "The password for {scope} in this config.json is a variable, whose value isn't in it. Enter the password itself."
)
UNREADABLE_AUTH = "The login for {scope} in this config.json is damaged: its “auth” isn't user:password in base64."
ONLY_BEARER = (
    "For {scope} this config.json has only a registry token, which is valid for minutes. Enter a user name and an "
    "access token."
)
ONLY_REFRESH = (
    "For {scope} this config.json has only an identity token, with which docker gets others. Enter a user name and an "
    "access token."
)


def read(text: str) -> Reading:
    """Return what the JSON of a config holds."""
    try:
        document = strict_json.read_object(text.encode("utf-8", "replace"), _MAX_LENGTH)
    except strict_json.JsonInvalid:
        return Reading(problem=INVALID) if '"auths"' in text else Reading()
    return read_document(document)


def read_document(document: Mapping[str, object]) -> Reading:
    """Return what a config holds; nothing for another document."""
    auths = document.get("auths")
    if "auths" in document or {"credsStore", "credHelpers"} & document.keys():
        return _read_entries(auths if isinstance(auths, dict) else {}, document)
    if _is_old_config(document):
        return _read_entries(document, {})
    return _of_api(document)


def _is_old_config(document: Mapping[str, object]) -> bool:
    """Whether it is a `.dockercfg`, which has the entries without `auths` around them."""
    names = {"auth", "username", "password", "identitytoken"}
    entries = [entry for entry in document.values() if isinstance(entry, dict)]
    return (
        bool(entries)
        and len(entries) == len(document)
        and all(names & entry.keys() for entry in entries)
        and any("." in key or ":" in key or key == "localhost" for key in document)
    )


def _read_entries(auths: Mapping[str, object], settings: Mapping[str, object]) -> Reading:
    reading = Reading()
    for key, entry in auths.items():
        scope = None if _OF_DOCKER_DESKTOP.fullmatch(key) else read_scope(key)
        if scope is not None and isinstance(entry, Mapping):
            reading += read_entry(*scope, entry, _store_of(key, settings))
    helpers = settings.get("credHelpers")
    for key in helpers if isinstance(helpers, dict) else {}:
        scope = read_scope(key)
        if scope is not None and not any((login.host, login.path) == scope for login in reading.logins):
            store = _store_of(key, settings)
            reading += Reading(absent=(Pasted(scope[0], path=scope[1], note=_kept_in(store)),))
    if reading.is_recognized:
        return reading
    store = _store_of("", settings)
    return Reading(problem=_kept_in(store) if store is not None else NO_LOGIN)


def read_entry(host: str, path: str, entry: Mapping[str, object], store: str | None = None) -> Reading:
    """Return the login of an entry for a host and a path there, or why it has none. `store` keeps it if it has none."""
    username, secret, packed = (_text(entry, key) for key in ("username", "password", "auth"))
    login = Pasted(host, username, secret, path=path)
    if packed:
        pair = _unpack(packed)
        if pair is None:
            return _absent(login, UNREADABLE_AUTH)
        username, secret = pair
    token = _text(entry, "identitytoken")
    if username == _TOKEN_USER:
        token, username, secret = token or secret, "", ""
    if token:  # docker keeps Azure's refresh tokens so, and no registry's passwords
        if recognise(host.replace("*", "x")).kind != "acr":
            return _absent(login, ONLY_REFRESH)
        username, secret = username or REFRESH_TOKEN_USER, token
    if _VARIABLE.fullmatch(secret):
        return _absent(login, UNKNOWN)
    if secret:
        return Reading(logins=(Pasted(host, username, secret, path=path),))
    if _text(entry, "registrytoken"):
        return _absent(login, ONLY_BEARER)
    return _absent(Pasted(host, username, path=path), _kept_in(store))


def _absent(login: Pasted, note: str) -> Reading:
    return Reading(absent=(Pasted(login.host, path=login.path, note=note.format(scope=login.scope)),))


def _kept_in(store: str | None) -> str:
    where = _STORES.get((store or "").removesuffix(".exe"), "a credential store of your computer")
    return (
        f"Docker's config.json has no password in it here: {where} keeps it. Enter a user name and an access token of "
        "the registry instead."
    )


def _store_of(key: str, settings: Mapping[str, object]) -> str | None:
    """Return the credential store that keeps the login of this key; None if none is named."""
    helpers = settings.get("credHelpers")
    named = helpers.get(key) if isinstance(helpers, dict) else None
    store = named if isinstance(named, str) else settings.get("credsStore")
    return store if isinstance(store, str) and store else None


def _unpack(packed: str) -> tuple[str, str] | None:
    """Return user name and password of an `auth`; None if it can't be read. Line breaks in it and missing padding are
    what editors leave; the base64 of addresses is accepted too."""
    compact = "".join(packed.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    username, colon, secret = plain.partition(":")
    return (username, secret.rstrip("\0")) if colon else None


def _of_api(document: Mapping[str, object]) -> Reading:
    """Read what docker sends to its API: user name, password and `serveraddress`; and what Quay offers for rkt."""
    hosts, pair = document.get("registries"), document.get("credentials")
    if isinstance(hosts, list) and isinstance(pair, Mapping) and "rktKind" in document:
        entry = {"username": _text(pair, "user"), "password": _text(pair, "password")}
        return _read_entries({host: entry for host in hosts if isinstance(host, str)}, {})
    username, secret, server = (_text(document, key) for key in ("username", "password", "serveraddress"))
    scope = read_scope(server) if server and secret else None
    return Reading(logins=(Pasted(scope[0], username, secret, path=scope[1]),)) if scope else Reading()


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
