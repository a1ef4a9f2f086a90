from __future__ import annotations

import json
import ssl

import pytest

from registries.failures import PullFailed, RegistryResponse
from registries.oci.errors import (
    SHORT_BODY,
    Stage,
    error_code,
    error_message,
    response_failure,
    retry_after,
    transport_failure,
)


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
        (Stage.MANIFEST, 499, "", True, "unexpected"),
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
        (Stage.MANIFEST, 418, "", True, "unexpected"),
        (Stage.BLOB, 404, "BLOB_UNKNOWN", True, "image_not_found"),
        (Stage.BLOB, 416, "", True, "unexpected"),
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
    assert failure.response == RegistryResponse(stage, status, code, message, login, "r.example", "a/b", "1")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_how_long_to_wait_is_kept(status: int) -> None:
    failure = response_failure(Stage.BLOB, status, {"Retry-After": "7"}, b"", host="r.example")
    assert failure.retry_after == 7
    assert failure.response == RegistryResponse(Stage.BLOB, status, "", "", False, "r.example", "", "")


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


def test_what_transport_errors_mean() -> None:
    def wrapped(cause: Exception) -> PullFailed:
        try:
            try:
                raise cause
            except Exception as error:
                raise OSError("outer", error) from error
        except OSError as outer:
            return transport_failure(outer, "r.example")

    certificate = ssl.SSLCertVerificationError(1, "self-signed")
    certificate.verify_code = 18
    assert wrapped(certificate).code == "tls_invalid"
    assert wrapped(certificate).raw == "certificate 18"
    refused = ssl.SSLError(1, "version")
    refused.reason = "WRONG_VERSION_NUMBER"
    found = [
        (wrapped(error).code, wrapped(error).raw, wrapped(error).params)
        for error in (TimeoutError(), ConnectionRefusedError(), ConnectionResetError(), refused)
    ]
    assert found == [
        ("registry_unreachable", raw, {"host": "r.example", "reason": reason})
        for raw, reason in [
            ("timeout", "it did not answer in time"),
            ("refused", "it refused the connection"),
            ("ConnectionResetError", "it broke off the connection"),
            ("tls WRONG_VERSION_NUMBER", "it does not speak TLS there"),
        ]
    ]


def test_the_cause_is_found_in_whatever_way_it_is_wrapped() -> None:
    """As requests and urllib3 do it: raised from it, raised during it, as an argument, as `reason`."""
    cause, context, reason = OSError(), OSError(), OSError()
    cause.__cause__ = TimeoutError()
    context.__context__ = TimeoutError()
    reason.reason = TimeoutError()  # type: ignore[attr-defined]
    for error in (cause, context, reason, OSError("x", TimeoutError()), OSError(OSError(TimeoutError()))):
        assert transport_failure(error, "r.example").raw == "timeout"
    circle = OSError()
    circle.__context__ = OSError(circle)
    assert transport_failure(circle, "r.example").raw == "OSError"
    circle.args = (TimeoutError(), circle)
    assert transport_failure(circle, "r.example").raw == "timeout"
    # A certificate that is not trusted counts more than what came of it.
    certificate = ssl.SSLCertVerificationError()
    certificate.verify_code = 18
    assert transport_failure(OSError(TimeoutError(), certificate), "r.example").code == "tls_invalid"
