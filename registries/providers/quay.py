"""Quay.io: robot accounts, OAuth and application tokens, users."""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import AccessDenied, AuthenticationFailed, ImageNotFound
from registries.oci.errors import Stage
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule

_ROBOT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,254})\+[a-z0-9_-]{1,255}")
_SPECIAL = frozenset({"$oauthtoken", "$app", "$token"})


def _robot_name(values: Mapping[str, str], host: str) -> None:
    username = values["username"].strip()
    if "@" in username:
        raise Unusable("Quay wants a robot account or user name here, not an e-mail address", "username")
    if "+" in username and not _ROBOT.fullmatch(username):
        raise Unusable("a robot account is written namespace+robot, in lower case", "username")
    if username.startswith("$") and username not in _SPECIAL:
        raise Unusable("the user name for tokens is $oauthtoken or $app", "username")


QUAY = Provider(
    kind="quay",
    name="Quay.io",
    mark="Quay",
    hosts=(r"quay\.io",),
    host="quay.io",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="Robot account",
            help="With its namespace, as namespace+robot. A user name, $oauthtoken or $app work too.",
            placeholder="acme+drayage",
        ),
        Field(
            name="password",
            label="Robot token",
            help="On quay.io: your organization, Robot Accounts, the robot, its token.",
            secret=True,
        ),
    ),
    checks=(no_colon, _robot_name),
    rules=(
        Rule(AccessDenied, statuses=(405,), codes=("DENIED",)),
        Rule(ImageNotFound, codes=("TAG_EXPIRED",)),
        # A wrong login is named; general messages are about the repository.
        Rule(
            AuthenticationFailed,
            stages=(Stage.TOKEN,),
            statuses=(401,),
            words=("could not find", "invalid", "incorrect", "expired", "password"),
            login=True,
        ),
        Rule(
            AccessDenied,
            stages=(Stage.TOKEN,),
            statuses=(401,),
            words=("not authorized", "requires authentication"),
        ),
    ),
    guide="registries/guides/quay.html",
    hints={
        "trust_refused": "In Robot Accounts, the robot, Set robot federation: issuer and subject are compared "
        "exactly, and each project needs an entry of its own.",
        "authentication_failed": "Enter the robot account with its namespace (namespace+robot) and its current token: "
        "regenerating it in Robot Accounts makes the earlier one void.",
        "access_denied": "Give the robot account the permission Read in the repository's settings, under User and "
        "Robot Permissions. Quay answers so too where the namespace is disabled or the repository does not exist.",
        "image_not_found": "See Tags of the repository on quay.io. A tag with an expiration is gone once that has "
        "passed; its history shows when.",
        "rate_limited": "Quay.io limits bursts of requests; it works again after a short wait.",
        "credential_malformed": "Copy user name and token from Robot Accounts, the robot, Kubernetes Secret or Docker "
        "Login: the name has the form namespace+robot.",
        "registry_unreachable": "status.redhat.com tells whether Quay.io has an outage.",
    },
)
