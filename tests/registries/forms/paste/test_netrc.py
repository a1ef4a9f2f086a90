"""Logins of `.netrc` and `.git-credentials`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.forms.paste import Pasted, read, read_login

HOST = "registry.example.com"


@pytest.mark.parametrize(
    "text",
    [
        f"machine {HOST}\nlogin alice\npassword s3cret\n",
        f"machine {HOST} login alice password s3cret",
        f"# mine\nmachine {HOST}\n\tlogin alice\n\tpassword s3cret",
        f'machine {HOST} password "s3cret" login alice',
        f"https://alice:s3cret@{HOST}",
        f"https://alice:s3cret@{HOST}/team/app.git",
    ],
)
def test_a_login(text: str) -> None:
    """docs.gitlab.com (netrc with a deploy token), git-credential-store(1)."""
    assert read_login(text) == Pasted(HOST, "alice", "s3cret")


def test_several() -> None:
    text = f"machine {HOST} login a password x\nmachine ghcr.io login b password 'y\ndefault login c password z"
    assert [(login.host, login.secret) for login in read(text).logins] == [(HOST, "x"), ("ghcr.io", "'y")]
    assert read_login(f"https://a:x%40y@{HOST}\nhttps://b:y@ghcr.io", HOST) == Pasted(HOST, "a", "x@y")


@pytest.mark.parametrize(
    "text", ["machine", "machine x", "default", "a machine login", f"https://{HOST}/v2/", "https://a@b"]
)
def test_what_is_no_login(text: str) -> None:
    assert not read(text).is_recognized


@given(st.text(alphabet='machine login pasword\n"\\#:/@.', max_size=300))
def test_any_text_ends(text: str) -> None:
    read(f"machine {text}")
