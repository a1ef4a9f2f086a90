"""A NUL in a parameter or a cookie is refused before anything reads it, at every page that is opened by GET."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

PARAMETERS = ("q=%00", "q=a%00b", "page=1%00", "%00=x", "who=\0")
PLACES = (
    "/", "/o/acme/", "/o/acme/search/", "/o/acme/settings/activity/", "/o/acme/settings/activity/export.csv",
    "/o/acme/default/groups/", "/o/acme/default/groups/new/", "/o/acme/registries/", "/o/acme/registries/new/",
    "/o/acme/support/", "/accounts/login/", "/admin/", "/admin/desk/",
)  # fmt: skip


@pytest.mark.parametrize("query", PARAMETERS)
@pytest.mark.parametrize("place", PLACES)
def test_it_is_refused(member: Client, place: str, query: str) -> None:
    answer = member.get(place, QUERY_STRING=query)

    assert answer.status_code == 400
    assert b"NUL" in answer.content


@pytest.mark.parametrize("place", PLACES)
def test_what_only_looks_like_one_is_not(member: Client, place: str) -> None:
    answer = member.get(place, QUERY_STRING="q=%2500&page=100%25")
    if answer.streaming:
        answer.getvalue()  # an export ends when it was sent

    assert answer.status_code in (200, 302)


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "messages", "other"])
@pytest.mark.parametrize("place", PLACES)
def test_in_a_cookie_it_is_refused_too(db: None, place: str, name: str) -> None:
    answer = Client().get(place, HTTP_COOKIE=f'{name}="\\000abcdefghijk"')

    assert answer.status_code == 400
    assert b"NUL" in answer.content


def test_the_api_answers_with_a_problem(db: None) -> None:
    answer = Client().get("/api/public/organizations/acme/projects/x/containers", QUERY_STRING="page=%00")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "invalid"


def test_in_a_path_there_is_nothing_of_that_name(member: Client, project: Any) -> None:
    assert member.get("/o/acme/default/groups/w%00eb/").status_code == 404
