"""What an answer of a registry means: its status, its words, and how long to wait."""

from __future__ import annotations

import json

import pytest

from registries.failures import RegistryResponse, Service
from registries.oci.errors import (
    SHORT_BODY,
    Stage,
    error_code,
    error_message,
    response_failure,
    retry_after,
)
from tests.support.provider_answers import means


def body(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "<b>\x1b[31mlook</b>"}]}).encode()


@pytest.mark.parametrize(
    ("stage", "status", "code", "login", "expected"),
    [
        (Stage.PING, 401, "", True, "authentication_failed"),
        (Stage.PING, 404, "", False, "registry_unreachable"),
        (Stage.PING, 500, "", False, "registry_unreachable"),
        (Stage.TOKEN, 401, "", True, "authentication_failed"),
        (Stage.TOKEN, 400, "", True, "authentication_failed"),
        (Stage.TOKEN, 401, "", False, "access_denied"),
        (Stage.TOKEN, 403, "DENIED", True, "access_denied"),
        (Stage.TOKEN, 405, "DENIED", True, "access_denied"),
        (Stage.TOKEN, 404, "", True, "registry_unreachable"),
        (Stage.TOKEN, 302, "", True, "registry_unreachable"),
        (Stage.TOKEN, 429, "", True, "rate_limited"),
        (Stage.TOKEN, 403, "", True, "access_denied"),
        (Stage.TOKEN, 405, "", True, "access_denied"),
        (Stage.TOKEN, 404, "DENIED", True, "access_denied"),
        (Stage.TOKEN, 400, "", False, "access_denied"),
        (Stage.TOKEN, 500, "DENIED", True, "registry_unreachable"),
        (Stage.PING, 403, "", True, "registry_unreachable"),
        (Stage.PING, 429, "", True, "rate_limited"),
        (Stage.MANIFEST, 401, "", True, "access_denied"),
        (Stage.MANIFEST, 410, "", True, "image_not_found"),
        (Stage.MANIFEST, 200, "", True, "registry_unreachable"),
        (Stage.MANIFEST, 307, "", True, "registry_unreachable"),
        (Stage.MANIFEST, 499, "", True, "registry_refuses"),
        (Stage.MANIFEST, 500, "", True, "registry_unreachable"),
        (Stage.TAGS, 404, "", True, "image_not_found"),
        (Stage.MANIFEST, 401, "UNAUTHORIZED", True, "access_denied"),
        (Stage.MANIFEST, 403, "DENIED", True, "access_denied"),
        (Stage.MANIFEST, 405, "DENIED", True, "access_denied"),
        (Stage.MANIFEST, 404, "MANIFEST_UNKNOWN", True, "image_not_found"),
        (Stage.MANIFEST, 404, "TAG_EXPIRED", True, "image_not_found"),
        (Stage.MANIFEST, 400, "NAME_INVALID", True, "image_not_found"),
        (Stage.MANIFEST, 429, "TOOMANYREQUESTS", True, "rate_limited"),
        (Stage.MANIFEST, 403, "TOOMANYREQUESTS", True, "rate_limited"),
        (Stage.MANIFEST, 503, "", True, "registry_unreachable"),
        (Stage.MANIFEST, 408, "", True, "registry_unreachable"),
        (Stage.MANIFEST, 204, "", True, "registry_unreachable"),
        (Stage.MANIFEST, 418, "", True, "registry_refuses"),
        (Stage.BLOB, 404, "BLOB_UNKNOWN", True, "image_not_found"),
        (Stage.BLOB, 416, "", True, "registry_refuses"),
        (Stage.TOKEN, 431, "", True, "registry_refuses"),
        (Stage.PING, 418, "", False, "registry_refuses"),
        (Stage.BLOB, 600, "", True, "registry_unreachable"),
        (Stage.BLOB, 199, "", True, "unexpected"),
    ],
)
def test_what_a_status_means(stage: Stage, status: int, code: str, login: bool, expected: str) -> None:
    failure = response_failure(
        stage, status, {}, body(code), host="r.example", repository="a/b", version="1", login=login
    )
    assert failure.code == expected
    assert f"{status} {code}".strip() in failure.raw
    assert "look" not in str(failure.params) + failure.raw
    message = "<b>[31mlook</b>"
    assert failure.response == RegistryResponse(
        stage, status, code, message, login, "r.example", "a/b", "1", "registry", "r.example"
    )


@pytest.mark.parametrize(
    ("stage", "status", "message"),
    [
        (Stage.TOKEN, 403, "You have exceeded a secondary rate limit. Please wait a few minutes."),
        (Stage.TOKEN, 403, "Blocked due to recurrent login failures, please try again in 4 seconds"),
        (Stage.PING, 401, "Blocked due to recurrent login failures, please try again in 4 seconds"),
        (Stage.TOKEN, 401, "Too many login attempts have been made. Please retry in 30 seconds."),
        (Stage.TOKEN, 400, "Too many failed login attempts for username or IP address"),
        (Stage.MANIFEST, 403, "Quota exceeded for quota metric 'Requests per project per user'"),
    ],
    ids=["github", "artifactory", "artifactory ping", "quay", "docker/hub-feedback#642", "google"],
)
@pytest.mark.parametrize("kind", ["ghcr", "artifactory", "quay", "docker_hub", "google", "acr", "self_hosted"])
def test_a_limit_in_words_passes_by_itself(kind: str, stage: Stage, status: int, message: str) -> None:
    """Whatever status it has: it was read as a wrong password, which ended the credential."""
    failure = means(kind, stage, status, message)
    assert (failure.code, failure.retryable, failure.keeps_credential) == ("rate_limited", True, True)
    assert ("logins" in failure.words.title) is ("login" in message)


def test_an_image_whose_name_is_that_of_a_limit_or_policy() -> None:
    said = b'{"errors":[{"code":"DENIED","message":"no access to acme/rate limit"}]}'
    failure = response_failure(Stage.MANIFEST, 403, {}, said, host="r.example", repository="a/rate limit", login=True)
    assert failure.code == "access_denied"


PAGE = b"\r\n<html><head><title>Attention Required!</title></head><body>Sorry, you have been blocked</body></html>"


@pytest.mark.parametrize(
    ("stage", "status", "raw", "login", "expected", "case"),
    [
        (Stage.MANIFEST, 403, PAGE, True, "access_denied", "page"),
        (Stage.TOKEN, 403, PAGE, False, "access_denied", "page"),
        (Stage.MANIFEST, 401, PAGE, False, "access_denied", "none_given"),
        (Stage.MANIFEST, 403, b"{}", False, "access_denied", "none_given"),
        (Stage.MANIFEST, 403, b"{}", True, "access_denied", None),
        (Stage.TOKEN, 400, PAGE, True, "registry_refuses", None),
        (
            Stage.BLOB,
            403,
            b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            True,
            "access_denied",
            None,
        ),
        (Stage.MANIFEST, 400, PAGE, True, "registry_refuses", None),
        (Stage.BLOB, 400, b"", True, "registry_refuses", None),
        (Stage.BLOB, 404, b"", True, "image_not_found", "layer"),
        (Stage.TAGS, 400, body("NAME_UNKNOWN"), True, "image_not_found", None),
    ],
)
def test_who_refuses_and_what(
    stage: Stage, status: int, raw: bytes, login: bool, expected: str, case: str | None
) -> None:
    """A firewall's page is not the registry's word, a 400 of nginx ("Request Header Or Cookie Too Large") is about no
    image, and without credentials none were refused."""
    failure = response_failure(stage, status, {}, raw, host="r.example", repository="a/b", version="1", login=login)
    assert (failure.code, failure.params.get("case"), failure.keeps_credential) == (expected, case, True)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_how_long_to_wait_is_kept(status: int) -> None:
    failure = response_failure(Stage.BLOB, status, {"Retry-After": "7"}, b"", host="r.example")
    assert failure.retry_after == 7
    assert failure.response == RegistryResponse(
        Stage.BLOB, status, "", "", False, "r.example", "", "", "registry", "r.example"
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"errors": [{"message": "One"}, {"message": "Two"}]}, "one"),
        ({"errors": [{"message": "One", "detail": "More", "details": 5}]}, "one more"),
        ({"errors": [], "message": "One", "error": "Two"}, "one two"),
        ({"details": "Incorrect username or password"}, "incorrect username or password"),
        ({"message": "x" * 500}, "x" * 500),
        ({"message": "x" * 501}, "x" * 499 + "…"),
        ({"errors": ["x"]}, ""),
        ([], ""),
        ("x", ""),
    ],
)
def test_what_an_answer_says(answer: object, message: str) -> None:
    assert error_message(json.dumps(answer).encode()) == message


@pytest.mark.parametrize(
    "answer",
    [b"", b"x", b"null", b"[]", b"{}", b'{"errors": []}', b'{"errors": [{"code": 5}]}', b"[" * 60_000, b"9" * 5000,
     body("\x1b[31m"), body("<script>"), body("A" * 41), body("DENIED\n")],
)  # fmt: skip
def test_bodies_without_a_code(answer: bytes) -> None:
    assert error_code(answer) == ""
    assert error_message(answer) == ("<b>[31mlook</b>" if b"message" in answer else "")
    assert error_code(body("A" * 40)) == "A" * 40
    assert SHORT_BODY == 65_536, "that much is read for a code or a token"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        ("0", 1.0),
        (" 2 ", 2.0),
        ("3599", 3599.0),
        ("3601", 3600.0),
        ("1000000000", 3600.0),
        ("9" * 5000, 3600.0),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("１２", None),
        ("1e3", None),
        ("Fri, 31 Dec 2999 23:59:59 GMT", 3600.0),
        ("Tue, 31 Dec 2024 23:59:59 GMT", 1.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 1.0),
        ("Wed, 99 Oct 999999999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_clamped(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}) == seconds


def test_any_other_page_says_nothing() -> None:
    assert error_message(b"<html>403 Forbidden, by the firewall of acme</html>") == ""
    assert error_message(b"<" * 100_000) == ""


def test_what_is_not_granted_is_read_from_the_detail() -> None:
    listed = {"message": "Authentication Required", "detail": [{"Type": "repository", "Name": "a/b", "Action": "pull"}]}
    assert error_message(json.dumps({"errors": [listed]}).encode()) == "authentication required repository:a/b:pull"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412, 418, 429, 503])
@pytest.mark.parametrize("service", list(Service))
def test_every_failure_says_which_service_at_which_host(status: int, service: Service) -> None:
    failure = response_failure(
        Stage.BLOB, status, {}, b"", host="harbor.example", service=service, met="minio.example:9000"
    )
    assert (failure.params["service"], failure.params["met"]) == (service, "minio.example:9000")
    response = failure.response
    assert response is not None
    assert (response.service, response.met) == (service, "minio.example:9000")
