"""Certificates that a member trusts for one registry: read, kept without what else was pasted, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from portal.models import User
from registries.authorities import MAX_CA_LENGTH, AuthoritiesInvalid, read_authorities
from registries.models import Credential
from tests.support.fakes.certificates import Authority
from tests.support.pulls import SECRET

NEW = "/o/acme/registries/new/?kind=self_hosted"
TYPED = {"host": "registry.example.com", "username": "deploy", "password": SECRET, "hold": "pull"}


@pytest.fixture
def pem(tmp_path: Path) -> str:
    return Authority(tmp_path).ca_file.read_text()


def test_only_certificates_are_kept(pem: str, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Other").ca_file.read_text()
    assert read_authorities(f"# ours\r\n{pem.replace(chr(10), chr(13) + chr(10))}subject=/CN=x\n{other}") == pem + other
    assert read_authorities(" \n") == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: "registry.example.com",
        lambda pem: pem[:-30],
        lambda pem: pem.replace("MII", "XII", 1),
        lambda pem: pem * 100 + "x" * MAX_CA_LENGTH,
        lambda pem: pem.replace("CERTIFICATE", "PRIVATE KEY"),
        lambda pem: pem.replace("CERTIFICATE", "PUBLIC KEY"),
        lambda pem: pem.replace("M", "Ｍ"),
        lambda pem: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ],
)
def test_anything_else_is_refused(change: Callable[[str], str], pem: str) -> None:
    with pytest.raises(AuthoritiesInvalid):
        read_authorities(change(pem))


def test_typed_with_a_credential(pem: str, as_user: Callable[[User], Client], bob: User) -> None:
    browser = as_user(bob)

    wrong = browser.post(NEW, TYPED | {"ca": "no certificate"})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (422, ["ca"])
    assert "no certificate" in wrong.text  # it is not secret
    assert SECRET not in wrong.text
    answer = browser.post(NEW, TYPED | {"ca": pem}, follow=True)

    assert Credential.objects.get().ca == pem
    assert "Own authority" in answer.text


def test_not_where_the_host_is_a_public_one(as_user: Callable[[User], Client], bob: User) -> None:
    assert 'name="ca"' not in as_user(bob).get("/o/acme/registries/new/?kind=docker_hub").text
    text = as_user(bob).get(NEW).text
    assert 'name="ca"' in text
    assert 'maxlength="65' not in text  # at which a browser would cut a paste and say nothing


def test_more_than_anybody_needs(pem: str, as_user: Callable[[User], Client], bob: User) -> None:
    answer = as_user(bob).post(NEW, TYPED | {"ca": pem * 200, "paste": "docker login " + "x" * MAX_CA_LENGTH})

    assert set(answer.context["form"].errors) == {"ca", "paste"}
