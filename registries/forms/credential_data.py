"""What was sent with a credential form, before it is cleaned: a pasted login is read, and swapped fields are exchanged.

People paste a whole login command or file into any field of the form. Wherever it is, it is read as pasted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registries.forms.paste import Pasted, Reading, Selection, is_login_text, read, select
from registries.oci.reference import ReferenceInvalid, parse_host
from registries.providers import PROVIDERS, Provider

FIX = "fix"
SWAP = "swap"
"""The value of `fix` with which the form is sent to exchange the name and the secret."""
CHOSEN = "login"
"""The field with the label of the login that was chosen, after a paste with several that fit."""


@dataclass(frozen=True)
class FormPaste:
    """What was pasted into a form: what it holds, and the login that is meant. `contradicted` are the fields in which
    something else was entered."""

    reading: Reading
    selection: Selection
    contradicted: tuple[str, ...] = ()

    @property
    def login(self) -> Pasted | None:
        """The login that is meant; None if it isn't clear."""
        return self.selection.login


def read_form_data(
    data: Mapping[str, object],
    provider: Provider,
    *,
    prefix: str | None,
    host: str,
    repository: str = "",
    initial: Mapping[str, object],
    is_kind_chosen: bool = True,
) -> tuple[Mapping[str, object], FormPaste | None]:
    """Return the data to clean, and what was pasted. A pasted login fills the fields that are empty or as they were
    offered (`initial`). `host` and `repository` are the image's, if the form is for one. Among several logins they
    choose, or the host that was entered, or the kind of registry if the member has chosen it."""
    names = ["paste", "host", "name", FIX, CHOSEN, *(declared.name for declared in provider.fields)]
    keys = {name: f"{prefix}-{name}" if prefix else name for name in names}
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
    reading = read(str(sent.get(keys["paste"]) or ""))
    if not reading.is_recognized:
        return sent, None
    typed = typed_host(sent)
    if typed == provider.usual_host and not any(login.is_for(typed) for login in reading.logins):
        typed = ""  # nobody entered it
    selection = select(
        reading,
        host=host or provider.host or typed,
        repository=repository,
        kind=provider if is_kind_chosen else None,
        label=str(sent.get(keys[CHOSEN]) or ""),
    )
    pasted = selection.login
    if pasted is None:
        return sent, FormPaste(reading, selection)
    if "*" in pasted.host:
        pasted = Pasted("", pasted.username, pasted.secret, pasted.kind, pasted.values)
    values = {"host": pasted.host, "username": pasted.username, "password": pasted.secret, "key": pasted.secret}
    contradicted = []
    for name, value in (values | dict(pasted.values)).items():
        if name not in keys or not value:
            continue
        entered = str(sent.get(keys[name]) or "")
        offered = provider.usual_host if name == "host" else str(initial.get(name) or "")
        if not entered or entered == offered:
            sent[keys[name]] = value
        elif entered != value and name != "host":
            contradicted.append(name)
    return sent, FormPaste(reading, selection, tuple(contradicted))


def read_pasted(data: Mapping[str, object]) -> Pasted | None:
    """Return the login that was pasted into any field of this form; of several, the one for the host that was typed, or
    the one that was chosen."""
    sent = {name: value for name, value in data.items() if name != "csrfmiddlewaretoken"}
    shown = {field.name for kind in PROVIDERS.values() for field in kind.fields if not field.secret} | {"host", "name"}
    sealed = {
        field.name for kind in PROVIDERS.values() for field in kind.fields if field.secret and not field.multiline
    }
    _move_to_paste(sent, shown=shown & sent.keys(), sealed=sealed & sent.keys(), paste="paste")
    reading = read(str(sent.get("paste") or ""))
    return select(reading, host=typed_host(sent), label=str(sent.get(CHOSEN) or "")).login


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
