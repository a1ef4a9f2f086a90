"""What a form says about a paste of which it can't tell the login, or whose login is for something else."""

from __future__ import annotations

from collections.abc import Iterable

from registries.forms.credential_data import FormPaste
from registries.forms.paste import Pasted
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise_for_credential

_MAX_SHOWN = 5
UNREADABLE = (
    "No login could be read from this. Paste a docker login command, a config.json with a login in it, a Kubernetes "
    "secret, or a key file."
)


class PasteMismatch(ValueError):
    """A pasted login is for another registry. `message` is for people, `code` is stable."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def not_chosen_message(paste: FormPaste | None, provider: Provider, host: str, *, is_for_image: bool) -> str:
    """Return what to do with a paste of which no login was chosen. `host` is the form's only one, if it has one."""
    if paste is None:
        return UNREADABLE
    if among := paste.selection.among:
        names = _names(login.scope for login in among)
        found = f"There are logins for {names} in it, and more than one may be meant."
        return f"{found} Choose one, or paste only that one."
    absent = [login for login in paste.reading.absent if not host or login.is_for(host)]
    if absent:
        return absent[0].note
    if not paste.reading.logins:
        return paste.reading.problem or (paste.reading.absent[0].note if paste.reading.absent else UNREADABLE)
    found = f"There are logins for {_names(login.scope for login in paste.reading.logins)} in it"
    if host:
        other = "" if is_for_image else ", or choose another kind of registry"
        return f"{found}, but none for {host}. Paste that login{other}."
    return f"{found}, but none for {provider.name}. Enter the host of the one to use, and paste it again."


def check_login(login: Pasted, provider: Provider, *, image: str, typed: str) -> None:
    """Raise PasteMismatch if a login isn't for this form: for its image (`host[:port]/repository`), for its kind of
    registry, for the host that was entered."""
    if login.kind and login.kind != provider.kind:
        raise PasteMismatch(_elsewhere(PROVIDERS[login.kind]), "host_of_another_kind")
    host, _, repository = image.partition("/")
    if image and not login.is_for(host, repository):
        where = image if login.is_for(host) else host
        raise PasteMismatch(
            f"This login is for {login.scope}, and the image is at {where}. Paste the login for that "
            f"{'image' if login.is_for(host) else 'host'}.",
            "paste_host",
        )
    if image or not login.host:
        return
    if provider.host and not login.is_for(provider.host):
        raise PasteMismatch(_elsewhere(recognise_for_credential(login.host), login.scope), "host_of_another_kind")
    if "*" in login.host and not typed:
        raise PasteMismatch(
            f"This login is for {login.host}. Enter the host of your registry, and paste it again.", "paste_host"
        )
    if not provider.host and typed and not login.is_for(typed):
        raise PasteMismatch(
            f"This login is for {login.scope}, and another host is entered. Empty one of the two.", "paste_host"
        )


def _names(scopes: Iterable[str]) -> str:
    names = list(dict.fromkeys(scopes))
    shown = ", ".join(name or "another registry" for name in names[:_MAX_SHOWN])[:300]
    return shown if len(names) <= _MAX_SHOWN else f"{shown} and {len(names) - _MAX_SHOWN} more"


def _elsewhere(kind: Provider, host: str = "") -> str:
    of = f"for {host}" if host else f"of {kind.name}"
    return f"This login is {of}: choose {kind.name} as the kind of registry, and paste it again."
