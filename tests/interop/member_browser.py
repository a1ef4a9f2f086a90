"""A member's browser, by hand."""

from __future__ import annotations

import re
from typing import Any

import requests


class Browser:
    """What a member's browser does: cookies, forms with their CSRF token, no script."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        answer = self.session.get(self.address + path, timeout=20)
        answer.raise_for_status()
        return answer

    def post(self, path: str, page: str, **fields: Any) -> requests.Response:
        """Send the form that `page` shows to `path`; follow where it leads."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(page).text)
        assert token
        answer = self.session.post(
            self.address + path,
            data={"csrfmiddlewaretoken": token[1], **fields},
            headers={"Referer": self.address + page},
            timeout=20,
        )
        assert answer.ok, f"{path}: {answer.status_code} {re.findall(r'_error[^>]*>(.*?)<', answer.text, re.S)}"
        return answer
