"""Images in what people paste instead of their names: pull and run commands, web addresses, lines of a Dockerfile or of
YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registries.forms.paste.arguments import program_of, read_arguments, without_prompts
from registries.forms.paste.blocks import read_blocks
from registries.forms.paste.image_pages import image_of_page
from registries.forms.paste.shell import Unreadable, Word, read_pipelines
from registries.forms.paste.windows import without_prompt

_MAX_LENGTH = 64 * 1024
_DOCKER = frozenset({"docker", "podman", "nerdctl", "finch", "buildah", "crictl", "container"})
_GROUPS = frozenset({"image", "images", "container"})
_TAKE_ONE = frozenset({"pull", "inspect", "push", "history", "manifest", "scan", "digest", "config", "export", "rmi"})
_RUN = frozenset({"run", "create"})
_OTHERS = frozenset(
    {"skopeo", "oras", "crane", "gcrane", "krane", "ctr", "regctl", "apptainer", "singularity", "cosign"}
)
_GLOBAL_WITH_VALUE = frozenset({"-H", "--host", "--context", "--config", "-c", "-n", "--namespace"})
_FLAGS = frozenset({
    "-d", "--detach", "-i", "--interactive", "-t", "--tty", "--rm", "--privileged", "-P", "--publish-all", "--init",
    "--read-only", "--no-healthcheck", "--oom-kill-disable", "--sig-proxy", "--disable-content-trust", "-q", "--quiet",
    "--help", "--use-api-socket", "--replace", "--tls-verify", "--no-hosts", "--http-proxy", "--env-host", "--rmi",
    "--read-only-tmpfs", "--all-tags", "-a",
})  # fmt: skip
"""Options of `docker run` and `docker pull` without a value; all others take one."""
_LETTERS = frozenset("ditPq")
_PULL_WITH_VALUE = frozenset({
    "--platform", "--creds", "--authfile", "--cert-dir", "-u", "--user", "--arch", "--os", "--variant", "--config",
    "-o", "--output", "--auth", "-n", "--namespace", "--decryption-key", "--retry", "--retry-delay", "--policy",
    "--username", "--password", "--src-username", "--src-password",
})  # fmt: skip
_DOCKERFILE = re.compile(
    r"(?i)FROM[ \t]+(?:--platform=\S+[ \t]+)?([^\s$]+)(?:[ \t]+AS[ \t]+\S+)?|([^\s$]+)[ \t]+AS[ \t]+[\w.-]+"
)
_YAML = re.compile(r"(?:-[ \t]+)?[\"']?image[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"'#]+)[\"']?,?(?:[ \t]+#.*)?")
_HAS_IMAGE = re.compile(r"""(?m)^[ \t]*(?:-[ \t]+)?["']?(?:image|repository)["']?[ \t]*[:=][ \t]*\S""")
_QUOTED = re.compile(r"""(["'`])([^\s"'`]+)\1[,;]?|<(\S+)>""")
_SPLIT_BY_A_FIELD = re.compile(r"\\[ \t\r\n]+")
"""A continued line: a field of one line has lost the break after the backslash."""

_NO_IMAGE = re.compile(r"""[={}"'\n]|\S\s+\S+\s+\S""")
"""What neither an image nor one with a slip of the keyboard in it has."""

HOST_ALONE = (
    "This is the address of a registry, not an image. Write the repository and the tag after the host, such as "
    "registry.example.com/team/app:1.0."
)
SEVERAL = "There are several images in this. Enter one of them."
VARIABLE = "The image in this command is or has a variable, whose value only your shell knows. Enter the image itself."
NO_IMAGE = "There is no image in this command. Enter the image, such as registry.example.com/team/app:1.0."


@dataclass(frozen=True)
class PastedImage:
    """An image that was read from something else, or the sentence that says why none was."""

    image: str = ""
    problem: str = ""


def read_image(text: str) -> str | None:
    """Return the image that a command, a web address or a line of a file names; None if `text` is none of these, or
    doesn't say which one."""
    found = read_pasted_image(text)
    return found.image or None if found else None


def text_of_image(text: str) -> str:
    """Return the image that a text names, whatever else is in it, such as a variable with a password in a command.
    Return the text itself if it is nothing else than an image, and nothing of a command whose image isn't known, or of
    something else that is no image."""
    found = read_pasted_image(text)
    if found is None:
        return "" if _NO_IMAGE.search(text.strip()) else text
    return found.image or ("" if any(char.isspace() for char in text.strip()) else text)


def read_pasted_image(text: str) -> PastedImage | None:
    """Return what `text` names if it is a command, a web address or a line of a file; None for anything else, which may
    be an image itself."""
    text = text.strip()
    if not text or len(text) > _MAX_LENGTH:
        return None
    if match := _QUOTED.fullmatch(text) or _YAML.fullmatch(text) or _DOCKERFILE.fullmatch(text):
        inner = next(group for group in reversed(match.groups()) if group)
        return _of_address(inner) or PastedImage(inner)
    if not any(char.isspace() for char in text):
        return _of_address(text)
    return _of_commands(text)


def _of_address(text: str) -> PastedImage | None:
    page = image_of_page(text)
    if page is not None:
        return PastedImage(*page)
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in {"https", "docker", "docker-image", "oci"} or not rest:
        return None
    if "/" not in rest.rstrip("/") and scheme.lower() == "https":
        return PastedImage(problem=HOST_ALONE)
    return PastedImage(rest.removesuffix("/"))


def _of_commands(text: str) -> PastedImage | None:
    plain = _SPLIT_BY_A_FIELD.sub(" ", without_prompts(without_prompt(text)))
    in_blocks = _of_blocks(text)
    if in_blocks is not None:
        return in_blocks
    try:
        pipelines = read_pipelines(plain)
    except Unreadable as unreadable:
        words = plain.split()
        is_command = bool(words) and words[0] in _DOCKER and bool(_RUN.union({"pull"}) & set(words[:4]))
        return PastedImage(problem=unreadable.reason) if is_command else None
    found = [image for pipeline in pipelines for command in pipeline
             if (image := _of_program(*program_of(command))) is not None]  # fmt: skip
    if not found:
        return None
    distinct = list(dict.fromkeys(found))
    return distinct[0] if len(distinct) == 1 else PastedImage(problem=SEVERAL)


def _of_blocks(text: str) -> PastedImage | None:
    """Return the image in lines of names and values, such as those of Compose and Helm; None if there is none."""
    if not _HAS_IMAGE.search(text):
        return None
    found: list[str] = []
    for block in read_blocks(text):
        repository, image = block.values.get("repository"), block.values.get("image")
        if image and not any(char.isspace() for char in image):
            found.append(image)
        elif repository and ("/" in repository or block.key.lower().endswith("image")):
            host, tag, digest = (block.values.get(name) or "" for name in ("registry", "tag", "digest"))
            version = f"@{digest}" if digest else f":{tag}" if tag else ""
            found.append(f"{host.strip('/')}/{repository}{version}".lstrip("/"))
    distinct = list(dict.fromkeys(found))
    if len(distinct) > 1:
        return PastedImage(problem=SEVERAL)
    return _of_address(distinct[0]) or PastedImage(distinct[0]) if distinct else None


def _of_program(program: str, words: Sequence[Word]) -> PastedImage | None:
    """Return the image of a command; None if it is another one."""
    if program in _DOCKER:
        before = 0
        while before < len(words) and (words[before].text.startswith("-") or words[before].text in _GROUPS):
            before += 2 if words[before].text in _GLOBAL_WITH_VALUE else 1
        verb = words[before].text if before < len(words) else ""
        if verb in _RUN:
            return _named(_after_options(words[before + 1 :]))
        if verb in _TAKE_ONE:
            return _only(words[before + 1 :])
    if program in _OTHERS:
        verbs = [place for place, word in enumerate(words[:3]) if word.text in _TAKE_ONE | {"copy"}]
        has_schemes = program in ("skopeo", "apptainer", "singularity")
        return _first(words[verbs[-1] + 1 :], images_only=has_schemes) if verbs else None
    if program in ("kubectl", "oc", "k") and [word.text for word in words[:1]] in (["run"], ["create"]):
        images = [word for word in words if word.text.startswith("--image=")]
        return _named([Word(images[0].text.removeprefix("--image="), images[0].is_known)]) if images else None
    return None


def _after_options(words: Sequence[Word]) -> Iterable[Word]:
    """Return the words of `docker run` from the image on."""
    rest = iter(words)
    for word in rest:
        text = word.text
        if text == "--":
            break
        if not text.startswith("-"):
            return [word, *rest]
        if text in _FLAGS or "=" in text or (not text.startswith("--") and set(text[1:]) <= _LETTERS):
            continue
        if text.startswith("--") or _takes_next(text):
            next(rest, None)
    return list(rest)


def _takes_next(letters: str) -> bool:
    """Whether `-itp` takes the next word; `-p80:80` has its value in it."""
    first = next((place for place, letter in enumerate(letters[1:], start=1) if letter not in _LETTERS), None)
    return first == len(letters) - 1


def _only(words: Sequence[Word]) -> PastedImage:
    operands = read_arguments(words, with_value=_PULL_WITH_VALUE).operands
    return PastedImage(problem=SEVERAL) if len(operands) > 1 else _named(operands)


def _first(words: Sequence[Word], *, images_only: bool) -> PastedImage:
    operands = read_arguments(words, with_value=_PULL_WITH_VALUE | {"--src-creds", "--dest-creds"}).operands
    if images_only:
        operands = tuple(word for word in operands if word.text.startswith("docker://") or not word.is_known)
    return _named(operands)


def _named(words: Iterable[Word]) -> PastedImage:
    word = next(iter(words), None)
    if word is None:
        return PastedImage(problem=NO_IMAGE)
    if not word.is_known:
        return PastedImage(problem=VARIABLE)
    return _of_address(word.text) or PastedImage(word.text.rstrip("/"))
