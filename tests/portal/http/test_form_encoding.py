"""Forms that no page can read."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1"])
def test_a_form_in_another_encoding_is_refused_in_so_many_words(charset: str) -> None:
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "a" * 32
    answer = browser.post("/accounts/login/", b"login=x&password=y", content_type=kind)
    assert (answer.status_code, answer.content) == (415, b"Send this in UTF-8.\n")
