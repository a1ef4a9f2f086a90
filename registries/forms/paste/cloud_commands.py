"""Commands with which the tools of clouds sign docker in. They hold no secret, so a sentence says what to enter."""

from __future__ import annotations

import re
from collections.abc import Sequence

from registries.forms.paste.arguments import program_of
from registries.forms.paste.login import OF_AWS
from registries.forms.paste.shell import Command

_AZURE = (
    "az acr login signs in with your Azure account, so there is no password in it. Enter the name and the secret of a "
    "service principal or a repository-scoped token."
)
_GOOGLE = "gcloud signs in with your Google account, so there is no key in it. Enter the JSON key of a service account."
_DIGITALOCEAN = (
    "doctl signs in with your account, so there is no password in it. Enter an API token of DigitalOcean as the user "
    "name and as the password."
)
_OTHER = (
    "This command signs in with your own account, so there is no password in it. Enter a user name and a token of the "
    "registry."
)
_PROBLEMS = {
    r"az acr login": _AZURE,
    r"aws ecr(?:-public)? get-(?:login|login-password|authorization-token)": OF_AWS,
    r"gcloud (?:auth|artifacts docker) (?:configure-docker|login|print-access-token)": _GOOGLE,
    r"doctl registry login": _DIGITALOCEAN,
    r"oc registry login": _OTHER,
    r"ibmcloud cr login": _OTHER,
    r"(?:flyctl|fly) auth docker": _OTHER,
    r"scw registry login": _OTHER,
    r"heroku container:login": _OTHER,
}
_PATTERNS = [(re.compile(rf"{pattern}(?!\S)"), problem) for pattern, problem in _PROBLEMS.items()]


def problem_of_cloud(pipelines: Sequence[Sequence[Command]]) -> str:
    """Return what to enter instead of such a command; an empty text if there is none."""
    for pipeline in pipelines:
        for command in pipeline:
            program, words = program_of(command)
            line = " ".join([program, *(word.text for word in words if not word.text.startswith("-"))])
            problem = next((problem for pattern, problem in _PATTERNS if pattern.match(line)), "")
            if problem:
                return problem
    return ""
