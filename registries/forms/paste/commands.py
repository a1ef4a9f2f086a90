"""Logins in commands: `docker login` and its like, `kubectl create secret docker-registry`, pulls with `--creds`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from registries.forms.paste.arguments import Arguments, program_of, read_arguments, without_prompts
from registries.forms.paste.cloud_commands import problem_of_cloud
from registries.forms.paste.login import Pasted, Reading, read_scope
from registries.forms.paste.piped import FROM_ELSEWHERE, Input, input_of
from registries.forms.paste.requests import of_request
from registries.forms.paste.shell import Command, Unreadable, Word, read_pipelines
from registries.forms.paste.windows import problem_of, without_prompt
from registries.oci.reference import DOCKER_HUB
from registries.providers.acr import REFRESH_TOKEN_USER

_LOGINS = {
    "docker": ("login",), "podman": ("login",), "nerdctl": ("login",), "buildah": ("login",), "skopeo": ("login",),
    "oras": ("login",), "finch": ("login",), "cosign": ("login",), "helm": ("registry", "login"),
    "crane": ("auth", "login"), "gcrane": ("auth", "login"), "krane": ("auth", "login"),
    "regctl": ("registry", "login"), "apptainer": ("registry", "login"), "singularity": ("registry", "login"),
    "notation": ("login",), "docker-credential-magic": ("login",),
}  # fmt: skip
"""By program, the words that log in."""
_HUB_IS_DEFAULT = frozenset({"docker", "nerdctl", "finch", "cosign"})
_KEEPS_PATHS = frozenset({"podman", "buildah", "skopeo"})
"""Programs that log in to a part of a registry; the others leave out what follows the host."""
_GLOBAL = {"--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "-n", "--namespace", "-a", "--address",
           "--root", "--runroot", "--storage-driver", "--url", "--identity", "--connection", "--kube-context",
           "--kubeconfig", "--tlscacert", "--tlscert", "--tlskey", "--debug-log"}  # fmt: skip
_OPTIONS = {"-u", "--username", "--user", "-p", "--password", "--pass", "-e", "--email", "--authfile", "--cert-dir",
            "--compat-auth-file", "--config", "--registry-config", "--ca-file", "--cert-file", "--key-file",
            "--resolve", "--identity-token", "--secret", "--platform", "--repository-config"}  # fmt: skip
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ash", "su", "docker", "kubectl", "wsl"})
_KUBECTL = {
    "--docker-server",
    "--docker-username",
    "--docker-password",
    "--docker-email",
    "--from-file",
    "--from-literal",
    "-n",
    "--namespace",
    "-o",
    "--output",
    "--context",
    "--kubeconfig",
    "-s",
    "--server",
}
_LIKELY = re.compile(
    r"login|print-access-token|authorization-token|curl|docker-registry|dockercfg|-creds|configure-docker"
    r"|(?<![\w-])(?:ctr|podman|skopeo|buildah|flux|helm|argocd)\s",
    re.IGNORECASE,
)
_ROUGH = re.compile(
    rf"(?<![\w-])(?:{'|'.join(_LOGINS)})(?:\.exe)?\s(?:[^\n|;]{{0,200}}?\s)?login(?!\S)"
    r"|(?<![\w-])(?:kubectl|oc|k)\s[^\n|;]{0,200}?(?:docker-registry|dockercfg)(?!\S)"
)
_CONTINUED = re.compile(r"[\\`^]\r?\n")
_YAML_LEAD = re.compile(
    r"^[ \t]*(?:-[ \t]+)?(?:(?:run|script|command|cmd|sh|bash|shell|before_script)[ \t]*:[ \t]*|RUN[ \t]+)(?=[^\s|>])",
    re.MULTILINE,
)
"""What a line of a pipeline or of a Dockerfile has before its command."""
_QUOTED_ITEM = re.compile(r"""^[ \t]*-[ \t]+(["'])(.*)\1[ \t]*$""", re.MULTILINE)
_SUBSTITUTED = re.compile(r"(?:eval[ \t]+)?[\"']?(?:\$\(|`)(.*?)[)`][\"']?", re.DOTALL)
_TYPOGRAPHIC = re.compile(r"(?<=[\s=])[\u2018-\u201f\u00ab\u00bb]")
_PLACEHOLDER = re.compile(r"(?<![<\w])<[A-Za-z][\w .-]{0,60}>")

PLACEHOLDER = (
    "There is a placeholder in angle brackets in this command. Put the value in its place, and paste it again."
)
TYPOGRAPHIC = (
    "There are typographic quotes in this command, which a shell takes for letters. Write plain quotes, and paste it "
    "again."
)
UNKNOWN_HOST = (
    "The registry in this command is a variable, whose value only your shell knows. Write its host name in its place, "
    "and paste it again."
)
UNREADABLE_HOST = "The registry in this command can't be read. Write it as its host name, such as registry.example.com."
NO_HOST = (
    "This command names no registry. Add its host name at the end, such as registry.example.com, and paste it again."
)
SEVERAL_HOSTS = "Which word of this command is the registry is not clear. Leave only its host name after the options."
UNKNOWN_USER = (
    "The user name in this command has a variable in it, whose value only your shell knows. Enter the user name."
)


class _Problem(ValueError):
    """A login command that can't be used, for the reason in a sentence."""


def read(text: str) -> Reading:
    """Return the logins in the commands of a text, or why one can't be read."""
    if not _LIKELY.search(text):
        return Reading()
    plain = without_prompts(without_prompt(_without_yaml(text)))
    is_login = _ROUGH.search(_CONTINUED.sub(" ", plain)) is not None
    if is_login and (problem := problem_of(text)):
        return Reading(problem=problem)
    if is_login and _PLACEHOLDER.search(plain):
        return Reading(problem=PLACEHOLDER)
    if is_login and _TYPOGRAPHIC.search(plain):
        return Reading(problem=TYPOGRAPHIC)
    if substituted := _SUBSTITUTED.fullmatch(plain):
        plain = substituted[1]
    try:
        pipelines = read_pipelines(plain)
    except Unreadable as unreadable:
        return Reading(problem=unreadable.reason) if is_login else Reading()
    pipelines = [*pipelines, *_inner(pipelines)]
    reading = Reading()
    for pipeline in pipelines:
        for place, command in enumerate(pipeline):
            try:
                login = _login(command, input_of(pipeline, place))
            except _Problem as problem:
                reading += Reading(problem=str(problem))
            else:
                reading += Reading(logins=(login,)) if login is not None else Reading()
    return reading if reading.is_recognized else Reading(problem=problem_of_cloud(pipelines))


def _without_yaml(text: str) -> str:
    """Return the commands of lines of YAML or of a Dockerfile without what is around them."""
    text = _QUOTED_ITEM.sub(lambda item: item[2] if _ROUGH.search(item[2]) else item[0], text)
    return _YAML_LEAD.sub("", text)


def _inner(pipelines: Sequence[Sequence[Command]]) -> list[list[Command]]:
    """Return the commands that are given to a shell as one word: `sh -c '…'`."""
    found: list[list[Command]] = []
    for pipeline in pipelines:
        for command in pipeline:
            for option, script in pairwise(command.words):
                is_script = option.text in ("-c", "-lc", "-ec", "-euc", "-ic") and script.is_known
                if is_script and program_of(command)[0] in _SHELLS and _ROUGH.search(script.text):
                    with suppress(Unreadable):
                        found += read_pipelines(script.text)
    return found


def _login(command: Command, given: Input | None) -> Pasted | None:
    """Return the login of a command; None if it is another command. Raises _Problem."""
    program, rest = program_of(command)
    if program in ("kubectl", "oc", "k") or any(word.text == "kubectl" for word in rest[:2]):
        return _of_kubectl(rest)
    if program == "az":
        return _of_az(rest)
    for place, word in enumerate(command.words):
        name = word.text.rpartition("/")[2].removesuffix(".exe")
        if name in _LOGINS:
            after = _after(command.words[place + 1 :], _LOGINS[name])
            if after is not None:
                return _of_login(name, read_arguments(after, with_value=_OPTIONS), given)
    return of_request(program, rest)


def _after(words: Sequence[Word], wanted: tuple[str, ...]) -> Sequence[Word] | None:
    """Return the words after the subcommand, which options of the program may precede; None if it is another one."""
    left = list(wanted)
    place = 0
    while place < len(words) and left:
        text = words[place].text
        if text == left[0]:
            left.pop(0)
        elif text in _GLOBAL:
            place += 1
        elif not text.startswith("-"):
            return None
        place += 1
    return None if left else words[place:]


def _of_login(program: str, given: Arguments, piped: Input | None) -> Pasted:
    operands = [word for word in given.operands if word.text or not word.is_known]
    if len(operands) > 1:
        raise _Problem(SEVERAL_HOSTS)
    if not operands and program not in _HUB_IS_DEFAULT:
        raise _Problem(NO_HOST)
    host, path = _scope(operands[0], has_path=program in _KEEPS_PATHS) if operands else (DOCKER_HUB, "")
    username = given.option("-u", "--username", "--user") or Word("")
    secret = given.option("-p", "--password", "--pass")
    note = FROM_ELSEWHERE
    token = given.option("--identity-token")
    if token is not None:
        username, secret = Word(username.text or REFRESH_TOKEN_USER), token
    elif secret is None and piped is not None:
        secret, note = piped.text, piped.note
        if secret.is_known:  # as docker does
            secret = Word(secret.text.removesuffix("\n").removesuffix("\r"))
    return _pasted(host, path, username, secret, note)


def _pasted(host: str, path: str, username: Word, secret: Word | None, note: str = FROM_ELSEWHERE) -> Pasted:
    is_missing = secret is not None and not secret.is_known
    return Pasted(
        host,
        username.text if username.is_known else "",
        secret.text if secret is not None and secret.is_known else "",
        path=path,
        note=note if is_missing else "" if username.is_known else UNKNOWN_USER,
    )


def _scope(word: Word, *, has_path: bool) -> tuple[str, str]:
    if not word.is_known:
        raise _Problem(UNKNOWN_HOST)
    scope = read_scope(word.text, has_path=has_path)
    if scope is None:
        raise _Problem(UNREADABLE_HOST)
    return scope


def _of_kubectl(words: Sequence[Word]) -> Pasted | None:
    if not {"docker-registry", "new-dockercfg"} & {word.text for word in words}:
        return None
    given = read_arguments(words, with_value=_KUBECTL)
    if given.option("--from-file") is not None:
        raise _Problem("This command reads the login from a file: paste the content of that file.")
    username, secret = given.option("--docker-username"), given.option("--docker-password")
    if username is None and secret is None:
        return None
    server = given.option("--docker-server") or Word(DOCKER_HUB)
    host, path = _scope(server, has_path=True)
    return _pasted(host, path, username or Word(""), secret)


def _of_az(words: Sequence[Word]) -> Pasted | None:
    given = read_arguments(words, with_value={"-n", "--name", "-u", "--username", "-p", "--password", "--suffix"})
    name, secret = given.option("-n", "--name"), given.option("-p", "--password")
    if [word.text for word in given.operands] != ["acr", "login"] or name is None or secret is None:
        return None
    # Which domain a name without one has depends on the cloud that az is signed in to.
    host = _scope(name, has_path=False)[0] if not name.is_known or "." in name.text else ""
    return replace(_pasted(host, "", given.option("-u", "--username") or Word(""), secret), kind="acr")
