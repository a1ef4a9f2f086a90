"""Refusals that are the registry's: policies, payment, legal reasons, and what passes by itself."""

from __future__ import annotations

import json

import pytest

from registries.failures import RegistryRefuses
from registries.oci.errors import (
    Stage,
    response_failure,
)


def refusal(status: int, answer: object = None, stage: Stage = Stage.MANIFEST) -> RegistryRefuses:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    failure = response_failure(stage, status, {}, body, host="r.example", login=True)
    assert isinstance(failure, RegistryRefuses), failure.code
    return failure


def listed(code: str, message: str) -> dict[str, object]:
    return {"errors": [{"code": code, "message": message}]}


@pytest.mark.parametrize(
    ("status", "answer", "case", "retryable"),
    [
        pytest.param(
            412,
            listed("PROJECTPOLICYVIOLATION", "current image with 6 vulnerabilities cannot be pulled"),
            "policy",
            False,
            id="harbor#19983",
        ),
        pytest.param(412, None, "policy", False, id="harbor#19983, a proxy dropped the body"),
        pytest.param(402, {"detail": "Your account is over its quota"}, "payment", False, id="convoy#2143"),
        pytest.param(
            403,
            listed("DENIED", "app was not downloaded due to the download blocking policy configured in Xray"),
            "policy",
            False,
            id="JFrog Xray",
        ),
        pytest.param(403, listed("UNKNOWN", "Requested item is QUARANTINED"), "policy", False, id="Nexus Firewall"),
        pytest.param(451, None, "legal", False, id="RFC 7725"),
        pytest.param(409, None, "busy", True, id="409"),
        pytest.param(421, None, "busy", True, id="421, RFC 9110: may be tried over another connection"),
        pytest.param(423, None, "busy", True, id="423"),
        pytest.param(424, None, "busy", True, id="424"),
        pytest.param(425, None, "busy", True, id="425, RFC 8470"),
        pytest.param(499, None, "busy", True, id="499 of nginx"),
        pytest.param(431, None, "", False, id="431"),
        pytest.param(406, None, "", False, id="406"),
        pytest.param(418, None, "", False, id="418"),
        pytest.param(422, None, "", False, id="422"),
        pytest.param(426, None, "", False, id="426"),
    ],
)
@pytest.mark.parametrize("stage", list(Stage))
def test_the_registry_refuses(stage: Stage, status: int, answer: object, case: str, retryable: bool) -> None:
    """harbor#19983, convoy#2143 and others: each was "unexpected, our fault", or a missing permission."""
    failure = refusal(status, answer, stage)
    assert (failure.params.get("case", ""), failure.retryable) == (case, retryable)
    assert (failure.keeps_credential, failure.fault) == (True, "registry")
    assert str(failure.params["reply"]).startswith(str(status))
    assert "r.example" in failure.words.text
    assert str(status) in failure.words.text
    assert "vulnerabilities cannot" not in str(failure.words)


def test_the_registrys_own_code_is_named_and_not_its_message() -> None:
    failure = refusal(412, listed("PROJECTPOLICYVIOLATION", "ask evil.example for help"))
    assert failure.params["reply"] == "412 PROJECTPOLICYVIOLATION"
    assert "evil.example" not in str(failure.words) + failure.raw


@pytest.mark.parametrize(
    "page",
    [
        b"<html><body><h1>403</h1>REQUESTED ITEM IS QUARANTINED <a href='https://iq.example/x'>details</a></body></html>",
        b"-------------------->>> REQUESTED ITEM IS QUARANTINED -------------------->>> FOR DETAILS SEE",
        b"app:1.0 was not downloaded due to the download blocking policy configured in Xray",
    ],
)
def test_a_policy_that_is_said_on_a_page(page: bytes) -> None:
    """Repository Firewall and Xray are often behind a proxy that makes their words a page (NEXUS-21672)."""
    failure = refusal(403, page)
    assert (failure.code, failure.params["case"]) == ("registry_refuses", "policy")
    assert "iq.example" not in str(failure.words) + failure.raw


def test_a_missing_permission_is_no_policy() -> None:
    for message in ("requested access to the resource is denied", "permission_denied: read_package", ""):
        failure = response_failure(
            Stage.MANIFEST, 403, {}, json.dumps(listed("DENIED", message)).encode(), host="r.example"
        )
        assert failure.code == "access_denied"


@pytest.mark.parametrize(
    ("repository", "version"), [("team/quarantine", "1"), ("quarantine/app", "1"), ("team/app", "quarantine")]
)
def test_a_repository_that_is_called_like_a_policy_is_none(repository: str, version: str) -> None:
    """Registries repeat the name in their message."""
    message = f"access to the resource {repository}:{version} is denied"
    failure = response_failure(
        Stage.MANIFEST, 403, {}, json.dumps(listed("DENIED", message)).encode(), host="r.example",
        repository=repository, version=version,
    )  # fmt: skip
    assert failure.code == "access_denied"
