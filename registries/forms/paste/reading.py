"""Reads what was pasted instead of single values, whatever it is, and finds the login that is meant.

Pure, and linear in the length of the text, which is limited. The forms validate the result like typed values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from registries.forms.paste import commands, config_file, key_files, kubernetes, netrc, variables
from registries.forms.paste.login import Pasted, Reading, without_short_lived
from registries.forms.paste.wrapping import document_in, unwrapped, with_plain_quotes
from registries.providers import Provider
from registries.providers.base import Section
from registries.providers.recognise import recognise_for_credential

MAX_PASTE_LENGTH = 64 * 1024
MIN_LOGIN_LENGTH = len("docker login")


@dataclass(frozen=True)
class Selection:
    """The login that is meant; or those among which it is, if several fit equally well. Neither if none fits."""

    login: Pasted | None = None
    among: tuple[Pasted, ...] = ()


def read(text: str) -> Reading:
    """Return what a command, config or file holds."""
    if len(text) > MAX_PASTE_LENGTH or not (text := unwrapped(text)):
        return Reading()
    reading = _read(text)
    return replace(reading, logins=tuple(map(without_short_lived, reading.logins)))


def _read(text: str) -> Reading:
    if text.startswith('"') and '": {' in text.replace('":{', '": {'):
        text = f"{{{text.rstrip(',')}}}"  # a part of a config.json
    if text.startswith("{"):
        return _of_document(text)
    if (secret := kubernetes.read(text)).is_recognized:
        return secret
    if (command := commands.read(text)).logins:
        return command
    plain = with_plain_quotes(text)
    start = plain.find("{")
    if '"auths"' in plain and start >= 0:  # after the command that printed it, or the name of a variable
        return config_file.read(plain[start : plain.rfind("}") + 1])
    if document := document_in(text):
        return _first(_of_document(document), command)
    return _first(command, key_files.read(text), netrc.read(text), variables.read(text), _of_packed(text))


def _of_document(text: str) -> Reading:
    return _first(config_file.read(text), kubernetes.read(text), key_files.read(text))


def _of_packed(text: str) -> Reading:
    """Read a document in base64, with a command or the name of a variable around it."""
    return _first(*(_of_document(document) for document in kubernetes.packed_in(text)))


def _first(*readings: Reading) -> Reading:
    return next((reading for reading in readings if reading.is_recognized), Reading())


def read_logins(text: str) -> list[Pasted]:
    """Return the logins in a pasted command line, config or file."""
    return list(read(text).logins)


def is_login_text(text: str, *, in_secret: bool = False) -> bool:
    """Whether a field's text is a whole login instead of the field's value. With `in_secret` the field is for a secret,
    which may be a key file itself."""
    if len(text) <= MIN_LOGIN_LENGTH:
        return False
    reading = read(text)
    is_key = reading.problem == key_files.OF_A_PERSON or any("key" in login.values for login in reading.logins)
    return reading.is_recognized and not (in_secret and is_key)


def read_login(text: str, host: str = "", repository: str = "") -> Pasted | None:
    """Return the only login in `text`, or of several the one for `host` (canonical) and an image's `repository` there.
    None if there is no such login."""
    return select(read(text), host=host, repository=repository).login


def select(
    reading: Reading, *, host: str = "", repository: str = "", kind: Provider | None = None, label: str = ""
) -> Selection:
    """Return the login for a canonical host and an image's repository there, where the longest path decides; without a
    host, the one for this kind of registry. `label` is that of the one that was chosen among several.

    The only login is returned even if it is for something else, so that the form can say so.
    """
    logins = _distinct(reading.logins)
    if label and len(chosen := [login for login in logins if login.label == label]) == 1:
        return Selection(chosen[0].at(host))
    if len(logins) == 1 and not any(absent.is_for(host, repository) for absent in reading.absent):
        return Selection(logins[0].at(host))
    if host:
        given = kind or recognise_for_credential(host)
        fitting = [login.at(host) for login in logins if login.is_for(host, repository)]
        fitting = [login for login in fitting if login.host or _fits(login, given)]
    else:
        fitting = [login for login in logins if kind is None or _fits(login, kind)]
        exact = [login for login in fitting if kind and login.host and recognise_for_credential(login.host) is kind]
        fitting = exact or fitting
    if host and repository and fitting:
        longest = max(len(login.path) for login in fitting)
        if any(len(absent.path) > longest for absent in reading.absent if absent.is_for(host, repository)):
            return Selection()  # the nearest one is there, without its secret
        fitting = [login for login in fitting if len(login.path) == longest]
    fitting = _distinct(fitting)
    return Selection(fitting[0]) if len(fitting) == 1 else Selection(among=tuple(fitting))


def _fits(login: Pasted, kind: Provider) -> bool:
    """Whether a login may be for this kind of registry, by its host. Hosts of software that anybody runs may have any
    name."""
    if not login.host:
        return login.kind in ("", kind.kind)
    known = recognise_for_credential(login.host.replace("*", "x"))
    return known is kind or (known.section is Section.OWN and not kind.host)


def _distinct(logins: Iterable[Pasted]) -> list[Pasted]:
    """Leave out logins that are the same as an earlier one."""
    found: list[Pasted] = []
    for login in logins:
        if login not in found:
            found.append(login)
    return found
