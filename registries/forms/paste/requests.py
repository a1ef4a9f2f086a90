"""Logins in commands that fetch something with them: pulls with `--creds`, requests of curl, `helm pull --username`."""

from __future__ import annotations

from collections.abc import Sequence

from registries.forms.paste.arguments import Arguments, read_arguments
from registries.forms.paste.login import Pasted, read_scope
from registries.forms.paste.piped import FROM_ELSEWHERE
from registries.forms.paste.shell import Word

_AS_PAIR = {
    "podman": ("--creds",), "skopeo": ("--creds", "--src-creds"), "buildah": ("--creds",), "crictl": ("--creds",),
    "ctr": ("--user", "-u"), "curl": ("--user", "-u"),
}  # fmt: skip
"""By program, the options with `user:password`."""
_APART = frozenset({"podman", "skopeo", "buildah", "helm", "flux", "argocd"})
_USER = ("--username", "--src-username")
_PASSWORD = ("--password", "--src-password")
_WITH_VALUE = {
    *_USER, *_PASSWORD, "--creds", "--src-creds", "--user", "-u", "--url", "--authfile", "--cert-dir", "--platform",
    "--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "-n", "--namespace", "-a", "--address",
    "--root", "--runroot", "--storage-driver", "--connection", "--kube-context", "--kubeconfig", "--header",
    "-o", "--output", "-X", "--request", "-d", "--data", "--cacert", "-b", "-e", "-A", "--version", "--type", "--name",
    "--arch", "--os", "--dest-creds", "--ca-file", "--destination", "--snapshotter",
}  # fmt: skip


def of_request(program: str, words: Sequence[Word]) -> Pasted | None:
    """Return the login with which a command fetches something; None if it is another command."""
    given = read_arguments(words, with_value=_WITH_VALUE) if program in _APART or program in _AS_PAIR else None
    place = _place(given) if given else None
    if given is None or place is None or not place.is_known:
        return None
    scope = read_scope(place.text, has_path=False)
    if scope is None:
        return None
    pair = given.option(*_AS_PAIR.get(program, ()))
    if pair is not None:
        username, colon, secret = pair.text.partition(":")
        if pair.is_known and not colon:
            return None
        return _pasted(scope[0], username if colon else "", Word(secret, is_known=pair.is_known))
    username_word, password = given.option(*_USER), given.option(*_PASSWORD)
    if program not in _APART or username_word is None or password is None:
        return None
    return _pasted(scope[0], username_word.text if username_word.is_known else "", password)


def _place(given: Arguments) -> Word | None:
    """Return the address, image or host that is fetched."""
    named = given.option("--url")
    if named is not None:
        return named
    return next((word for word in given.operands if _is_place(word.text)), None)


def _is_place(text: str) -> bool:
    _, separator, rest = text.partition("://")
    first = (rest if separator else text).partition("/")[0]
    return "." in first.strip(".") or (not separator and "/" in text and ":" in first)


def _pasted(host: str, username: str, secret: Word) -> Pasted:
    return Pasted(
        host, username, secret.text if secret.is_known else "", note="" if secret.is_known else FROM_ELSEWHERE
    )
