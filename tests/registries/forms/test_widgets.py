"""A key or a certificate that comes as a file instead of pasted text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.models import User
from registries.models import Credential
from registries.providers.google_key import normalize_key
from tests.support.fakes.certificates import Authority
from tests.support.seals import unsealed

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db
NEW = "/o/acme/registries/new/"
HOST = "europe-west1-docker.pkg.dev"


@pytest.fixture
def member(bob: User, as_user: Callable[[User], Client]) -> Client:
    return as_user(bob)


def send(member: Client, kind: str, **fields: str | SimpleUploadedFile) -> Response:
    return member.post(f"{NEW}?kind={kind}", {"hold": "pull", **fields})


def test_googles_key_is_taken_from_its_file(member: Client, google_key: Callable[[str], str]) -> None:
    key = google_key("acme-build")
    file = SimpleUploadedFile("key.json", b"\xef\xbb\xbf" + key.encode(), content_type="application/json")
    answer = send(member, "google", host=HOST, key_file=file)
    assert answer.status_code == 302, answer.context["form"].errors
    assert unsealed(Credential.objects.get())["key"] == normalize_key(key)


def test_what_was_pasted_counts_before_the_file(member: Client, google_key: Callable[[str], str]) -> None:
    file = SimpleUploadedFile("key.json", b"something else")
    assert send(member, "google", host=HOST, key=google_key("acme-build"), key_file=file).status_code == 302


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x80", b"x" * 1_000_000, b"{}"])
def test_a_file_that_is_no_key_is_an_error_of_its_field(member: Client, content: bytes) -> None:
    answer = send(member, "google", host=HOST, key_file=SimpleUploadedFile("canary.json", content))
    assert answer.status_code == 422
    assert "key" in answer.context["form"].errors
    assert not Credential.objects.exists()


def test_an_authority_is_taken_from_its_file(member: Client, tmp_path: Path) -> None:
    pem = Authority(tmp_path).ca_file.read_bytes()
    answer = send(
        member, "self_hosted", host="registry.example.com", username="deploy", password="s3cret-s3cret",
        ca_file=SimpleUploadedFile("ca.pem", pem),
    )  # fmt: skip
    assert answer.status_code == 302, answer.context["form"].errors
    assert "BEGIN CERTIFICATE" in (Credential.objects.get().ca or "")
