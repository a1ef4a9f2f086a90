"""What was sent with a credential form, before it is cleaned: a pasted login is read, and swapped fields are exchanged.

People paste a whole login command or file into any field of the form. Wherever it is, it is read as pasted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registries.forms.paste import Pasted, is_login_text, read_login
from registries.oci.reference import ReferenceInvalid, parse_host
from registries.providers import PROVIDERS, Provider

FIX = "fix"
SWAP = "swap"
"""The value of `fix` with which the form is sent to exchange the name and the secret."""


def read_form_data(
    data: Mapping[str, object], provider: Provider, *, prefix: str | None, host: str
) -> tuple[Mapping[str, object], Pasted | None]:
    """Return the data to clean, with empty fields filled from a pasted login, and that login. `host` is the image's, if
    the form is for one. Among several logins it chooses, or else the only host of this kind, or the one that was
    typed."""
    keys = {name: f"{prefix}-{name}" if prefix else name for name in ("paste", "host", "name", FIX)}
    keys |= {declared.name: f"{prefix}-{declared.name}" if prefix else declared.name for declared in provider.fields}
    sent = dict(data.items())
    pair = provider.name_and_secret
    if sent.get(keys[FIX]) == SWAP and pair is not None:
        name, secret = keys[pair[0]], keys[pair[1]]
        sent[name], sent[secret] = sent.get(secret, ""), sent.get(name, "")
    _move_to_paste(
        sent,
        shown=[keys["host"], keys["name"], *(keys[field.name] for field in provider.fields if not field.secret)],
        sealed=[keys[field.name] for field in provider.fields if field.secret and not field.multiline],
        paste=keys["paste"],
    )
    pasted = read_login(str(sent.get(keys["paste"], "")), host or provider.host or typed_host(sent))
    if pasted is None:
        return sent, None
    values = {"host": pasted.host, "username": pasted.username, "password": pasted.secret, "key": pasted.secret}
    for name, value in (values | dict(pasted.values)).items():
        if name in keys and value and not sent.get(keys[name]):
            sent[keys[name]] = value
    return sent, pasted


def read_pasted(data: Mapping[str, object]) -> Pasted | None:
    """Return the login that was pasted into any field of this form; of several, the one for the host that was typed."""
    sent = {name: value for name, value in data.items() if name != "csrfmiddlewaretoken"}
    shown = {field.name for kind in PROVIDERS.values() for field in kind.fields if not field.secret} | {"host", "name"}
    sealed = {
        field.name for kind in PROVIDERS.values() for field in kind.fields if field.secret and not field.multiline
    }
    _move_to_paste(sent, shown=shown & sent.keys(), sealed=sealed & sent.keys(), paste="paste")
    return read_login(str(sent.get("paste", "")), typed_host(sent))


def typed_host(data: Mapping[str, object]) -> str:
    """Return the entered host in its canonical form; empty if it can't be read."""
    try:
        return parse_host(str(data.get("host", "")))
    except ReferenceInvalid:
        return ""


def _move_to_paste(sent: dict[str, object], *, shown: Iterable[str], sealed: Iterable[str], paste: str) -> None:
    """Empty fields that hold a whole login, and put the first one where pasted logins are read."""
    fields = [(key, False) for key in shown] + [(key, True) for key in sealed]
    for key, in_secret in fields:
        text = str(sent.get(key) or "")
        if is_login_text(text, in_secret=in_secret):
            sent[key] = ""
            if not str(sent.get(paste) or "").strip():
                sent[paste] = text
