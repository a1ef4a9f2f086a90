"""What is compressed, and above all what is not."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from django.test import Client

from portal.notifications.webhooks import secrets_of
from tests.support.pulls import make_group

ASKS = {"Accept-Encoding": "gzip, br"}
PAGE = "/o/acme/settings/activity/"


def test_a_page_is_compressed_where_the_browser_asks(browser: Client) -> None:
    plain, packed = browser.get(PAGE), browser.get(PAGE, headers=ASKS)

    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(plain.content) / 2
    assert b"<h1>Activity</h1>" in gzip.decompress(packed.content)
    assert "Accept-Encoding" in packed["Vary"]


def test_the_same_page_is_never_twice_as_long_or_with_the_same_token(browser: Client) -> None:
    answers = [browser.get(PAGE, headers=ASKS).content for _ in range(20)]

    assert len({len(each) for each in answers}) > 3
    tokens = [re.findall(rb'csrfmiddlewaretoken" value="(\w+)"', gzip.decompress(each))[0] for each in answers]
    assert len(set(tokens)) == len(tokens)


def test_what_shows_a_secret_is_not_compressed(browser: Client, acme: Any) -> None:
    sent = {"address": "https://hooks.example.com/", "kinds": ["group.failed"]}
    answer = browser.post("/o/acme/settings/notifications/webhooks/", sent, headers=ASKS)

    (secret,) = secrets_of(acme.webhooks.get())
    assert secret in answer.text
    assert "Content-Encoding" not in answer


def test_nodes_and_clients_get_bytes_as_they_are(db: None) -> None:
    for address in ("/v2/", "/v2/acme/default/web/manifests/sha256:0", "/node/v1/poll", "/livez", "/readyz"):
        assert "Content-Encoding" not in Client().get(address, headers=ASKS)


def test_a_watched_page_still_gets_not_modified(browser: Client, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)
    make_group(project, "registry.example.com/team/app:1", name="web")
    live = "/o/acme/default/groups/-/rows/"
    mark = browser.get(live, headers=ASKS)["ETag"]

    for known in (mark, mark.removeprefix("W/")):
        assert browser.get(live, headers=ASKS | {"If-None-Match": known}).status_code == 304
