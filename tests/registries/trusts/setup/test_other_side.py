"""What is to be pasted at the other side can be read there, and lets in these subjects and no others."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
from typing import Any

import pytest

from registries.providers.trust_kinds import TRUST_KINDS
from registries.trusts.setup import OtherSide, Step, ways_of
from registries.trusts.setup.aws import trust_policy
from registries.trusts.setup.azure import federated_credentials
from registries.trusts.setup.google import condition
from tests.support.trusts import CASES

ISSUER = "https://portal.example/oidc/1f0e8f6a-2b1c-4a52-9b1e-6f2b6b0c7d11"
ORGANIZATION = "organization:1f0e8f6a-2b1c-4a52-9b1e-6f2b6b0c7d11"
SUBJECT = f"{ORGANIZATION}:project:aaaaaaaa-2b1c-4a52-9b1e-6f2b6b0c7d11"
OTHER = f"{ORGANIZATION}:project:bbbbbbbb-2b1c-4a52-9b1e-6f2b6b0c7d11"
STRANGER = SUBJECT.replace("organization:1", "organization:2")


def side_of(name: str, *, whole: bool = False, settings: bool = True) -> OtherSide:
    case = CASES[name]
    subjects = {"default": SUBJECT, "batch": OTHER} if whole else {"default": SUBJECT}
    pattern = f"{ORGANIZATION}:project:*" if whole else ""
    return OtherSide(ISSUER, case.audience, subjects, pattern, case.host, case.settings if settings else {})


SIDES = {
    f"{name}{'' if settings else ', new'}{', whole' if whole else ''}": (name, whole, settings)
    for name in CASES
    for whole in (False, True)
    for settings in (True, False)
}


def steps(name: str, side: OtherSide) -> list[Step]:
    return [step for way in ways_of(CASES[name].kind, side) for step in way.steps]


@pytest.mark.parametrize(("name", "whole", "settings_known"), SIDES.values(), ids=SIDES)
def test_each_text_is_valid_where_it_is_pasted(name: str, whole: bool, settings_known: bool) -> None:
    side = side_of(name, whole=whole, settings=settings_known)

    for step in steps(name, side):
        if step.language == "json":
            assert json.loads(step.code)
        elif step.language == "sh":
            subprocess.run(["bash", "-n"], input=step.code, text=True, check=True, timeout=10)
            assert shlex.split(step.code.replace("\\\n", " "))
        elif step.language == "hcl":
            for opening, closing in ("{}", "()", "[]"):
                assert step.code.count(opening) == step.code.count(closing)
            assert step.code.count('"') % 2 == 0
        assert "None" not in step.code


@pytest.mark.parametrize(("name", "whole", "settings_known"), SIDES.values(), ids=SIDES)
def test_each_way_names_issuer_audience_and_subjects(name: str, whole: bool, settings_known: bool) -> None:
    side = side_of(name, whole=whole, settings=settings_known)

    for way in ways_of(CASES[name].kind, side):
        text = "".join(step.code for step in way.steps)
        assert ISSUER in text, way.name
        exact = whole and CASES[name].kind in ("acr", "quay")
        wanted = [*side.subjects.values()] if exact or not whole else [f"{ORGANIZATION}:project:"]
        assert all(subject in text for subject in wanted), way.name
        if CASES[name].kind != "google":  # whose default audience follows from the provider
            assert side.audience in text, way.name


@pytest.mark.parametrize("kind", TRUST_KINDS)
def test_there_is_a_way_for_each_kind(kind: str) -> None:
    assert ways_of(kind, side_of(kind))


def admits(policy: dict[str, Any], subject: str, audience: str) -> bool:
    """Whether the conditions of a trust policy of AWS hold."""
    (statement,) = policy["Statement"]
    bare = ISSUER.removeprefix("https://")
    values = {f"{bare}:sub": subject, f"{bare}:aud": audience}
    compare = {"StringEquals": lambda value, wanted: value == wanted, "StringLike": fnmatch.fnmatchcase}
    return all(
        compare[operator](values[key], wanted)
        for operator, conditions in statement["Condition"].items()
        for key, wanted in conditions.items()
    )


@pytest.mark.parametrize("whole", [False, True])
def test_the_policy_of_aws_lets_in_these_subjects_only(whole: bool) -> None:
    policy: Any = trust_policy(side_of("ecr", whole=whole), "arn:aws:iam::123456789012:oidc-provider/x")

    assert admits(policy, SUBJECT, "sts.amazonaws.com")
    assert admits(policy, OTHER, "sts.amazonaws.com") == whole
    assert not admits(policy, STRANGER, "sts.amazonaws.com")
    assert not admits(policy, SUBJECT, "other")
    assert not admits(policy, f"x{SUBJECT}", "sts.amazonaws.com")


@pytest.mark.parametrize("whole", [False, True])
def test_the_condition_of_google_lets_in_these_subjects_only(whole: bool) -> None:
    text = condition(side_of("google", whole=whole))
    match = re.fullmatch(r"assertion\.sub(?: == '(?P<exact>[^']+)'|\.startsWith\('(?P<start>[^']+)'\))", text)

    assert match is not None
    for subject, expected in ((SUBJECT, True), (OTHER, whole), (STRANGER, False)):
        assert (subject == match["exact"] if match["exact"] else subject.startswith(match["start"])) == expected


def test_azure_has_a_credential_for_each_project() -> None:
    found = federated_credentials(side_of("acr", whole=True))

    assert [one["subject"] for one in found] == [SUBJECT, OTHER]
    assert {one["issuer"] for one in found} == {ISSUER}


def test_a_quay_of_ones_own_has_the_limited_subject() -> None:
    case = CASES["own quay"]
    side = OtherSide(ISSUER, case.audience, {"default": SUBJECT + case.suffix}, "", case.host)

    assert any(step.code == f"{SUBJECT}:host:{case.host}" for step in steps("own quay", side))
