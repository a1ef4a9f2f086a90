"""Bodies that are too large for their path, refused before anything reads them, in the format of the path."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.test import Client, RequestFactory

from portal.http.body_limits import LIMITS, MAX_OTHER_BYTES, BodyLimitMiddleware, max_body_bytes

PATHS = ["/accounts/login/", "/o/acme/registries/new/", "/admin/login/", "/admin/", "/nothing", "/livez"]


class Unread(BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("the body was read")


def post(path: str, length: object, **environ: Any) -> Any:
    """Declare a body of this length, without one."""
    declared = {"CONTENT_LENGTH": str(length), "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    return Client().generic("POST", path, **declared | environ, **{"wsgi.input": Unread()})  # type: ignore[arg-type]


@pytest.mark.parametrize("path", PATHS)
def test_a_person_gets_a_page(path: str) -> None:
    response = post(path, max_body_bytes(path) + 1, HTTP_ACCEPT="text/html")
    assert response.status_code == 413
    assert f"Send at most {max_body_bytes(path) // 1024} KiB." in response.text
    assert response["Content-Type"].startswith("text/html")
    assert post(path, 400_000_000).text.startswith("Send at most")


@pytest.mark.parametrize(
    "path", ["/api/public/organizations/acme", "/api/v1/nothing", "/node/v1/enrol", "/node/v1/poll", "/node/v1/x"]
)
def test_a_program_gets_a_problem_document(path: str) -> None:
    response = post(path, max_body_bytes(path) + 1)
    assert (response.status_code, response["Content-Type"]) == (413, "application/problem+json")
    assert response.json()["code"] == "too_large"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/v2/", "/v2/token", "/v2/acme/default/app/blobs/uploads/"])
def test_a_container_tool_gets_an_error_of_the_registry(path: str) -> None:
    response = post(path, 5000)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (413, "SIZE_INVALID")


@pytest.mark.parametrize("path", [*PATHS, "/api/v1/x", "/node/v1/poll", "/v2/"])
def test_a_body_without_a_length_is_refused(path: str) -> None:
    """Django would take it for an empty one."""
    request = RequestFactory().post(path, HTTP_TRANSFER_ENCODING="chunked")
    del request.META["CONTENT_LENGTH"]
    assert BodyLimitMiddleware(lambda request: pytest.fail("it was let through"))(request).status_code == 411


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/", MAX_OTHER_BYTES),
        ("/o", MAX_OTHER_BYTES),
        ("/accounts/login/", MAX_OTHER_BYTES),
        ("/admin/login/", MAX_OTHER_BYTES),
        ("/node/v1/enrol", 16 * 1024),
        ("/node/v1/key", 16 * 1024),
        ("/node/v1/poll", 1024 * 1024),
        ("/api/public/x", 1024 * 1024),
        ("/v2/", 4 * 1024),
        ("/o/acme/", 2 * 1024 * 1024),
        ("/admin/desk/", 2 * 1024 * 1024),
    ],
)
def test_limits_by_path(path: str, limit: int) -> None:
    assert max_body_bytes(path) == limit


def test_whoever_is_not_signed_in_can_send_little() -> None:
    assert max(limit for prefix, limit in LIMITS if prefix in ("/v2/", "/admin/login/")) <= MAX_OTHER_BYTES


@pytest.mark.parametrize("length", ["-1", "1e9", "x", "１", "9" * 5000])
def test_odd_lengths_let_nothing_through(length: str) -> None:
    response = Client().generic("POST", "/nothing", CONTENT_LENGTH=length)
    assert response.status_code in (404, 413)
