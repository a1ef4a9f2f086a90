"""The queue: what support and operators find in it, and what support doesn't find out by asking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import Failure
from portal.models import SupportRequest, User
from portal.support import conversations
from tests.portal.support.desk.conftest import HOST, Cases, case_of, fail
from tests.support.actors import acting
from tests.support.second_factors import add_totp

QUEUE = "/admin/desk/"


def found(client: Client, query: str = "") -> set[str]:
    """Names of the cases that a query finds."""
    answer = client.get(f"{QUEUE}?{query}")
    assert answer.status_code == 200
    names: dict[UUID, str] = dict(Failure.objects.values_list("pk", "group_name"))
    names |= dict(SupportRequest.objects.filter(failure__isnull=False).values_list("pk", "failure__group_name"))
    return {names.get(line.pk, "other") for line in answer.context["queue"].lines}


ALL = {"silent-app", "shared-app", "kept-app", "other"}


def test_who_opens_the_desk(cases: Cases, bob: Any, sam: Any, olga: Any, as_user: Any) -> None:
    staff = User.objects.create_user("stan@drayage.example", is_staff=True)
    add_totp(staff)
    addresses = [QUEUE, f"{QUEUE}pulse/", f"{QUEUE}failure/{cases.silent.pk}/", f"{QUEUE}request/{cases.other.pk}/"]
    for address in addresses:
        assert [as_user(person).get(address).status_code for person in (sam, olga, staff, bob)] == [200, 200, 403, 302]
        assert Client().get(address)["Location"].startswith("/admin/login/")
    for person, status in ((staff, 403), (bob, 302)):
        sent = {"case": f"failure:{cases.silent.pk}:new", "to": "solved", "action": "move", "was": "new"}
        assert as_user(person).post(QUEUE, sent).status_code == status
        assert as_user(person).post(addresses[2], sent).status_code == status
    assert case_of(cases.silent)[0] in ("new", "seen")
    assert not LogEntry.objects.exists()


def test_one_queue_of_failures_and_requests(support: Client, cases: Cases) -> None:
    assert found(support) == ALL
    assert [line.what for line in support.get(QUEUE).context["queue"].lines].count("failure") == 1


@pytest.mark.parametrize(
    ("query", "support_finds", "operator_finds"),
    [
        ("what=request", ALL - {"silent-app"}, ALL - {"silent-app"}),
        ("what=failure", {"silent-app"}, {"silent-app"}),
        ("kind=self_hosted", ALL - {"other"}, ALL - {"other"}),
        ("kind=quay", set(), set()),
        ("code=authentication_failed", ALL - {"other"}, ALL - {"other"}),
        ("code=store_failed", set(), set()),
        ("age=hour", ALL, ALL),
        ("state=solved", set(), set()),
        ("state=all", ALL, ALL),
        # Support finds nothing by what wasn't shared, or the results would reveal it.
        (f"host={HOST}", {"shared-app"}, ALL - {"other"}),
        ("q=kept-app", set(), {"kept-app"}),
        ("q=silent-app", set(), {"silent-app"}),
        ("q=shared-app", {"shared-app"}, {"shared-app"}),
        ("q=UNAUTHORIZED", {"shared-app"}, ALL - {"other"}),
        ("org=acme", ALL - {"silent-app"}, ALL),
        ("q=bob@acme", ALL - {"silent-app"}, ALL - {"silent-app"}),
        ("q=switch", {"other"}, {"other"}),
    ],
)
def test_filters(
    support: Client, operator: Client, cases: Cases, query: str, support_finds: set[str], operator_finds: set[str]
) -> None:
    assert found(support, query) == support_finds
    assert found(operator, query) == operator_finds


def test_what_was_not_shared_is_nowhere_on_the_page(support: Client, operator: Client, cases: Cases) -> None:
    text = support.get(QUEUE).content.decode()
    for never in ("silent-app", "kept-app"):
        assert never not in text
        assert never in operator.get(QUEUE).content.decode()
    assert "shared-app" in text
    assert text.count(HOST) == 1


def test_an_id_finds_its_case(support: Client, cases: Cases) -> None:
    assert found(support, f"q={cases.silent.pk}") == {"silent-app"}
    assert found(support, f"q={cases.kept.failure_id}") == {"kept-app"}


def test_old_ones_and_their_order(support: Client, cases: Cases) -> None:
    Failure.objects.filter(pk=cases.silent.pk).update(created_at=timezone.now() - timedelta(days=2))
    assert found(support, "age=day") == ALL - {"silent-app"}
    assert found(support, "age=week") == ALL
    orders = ("", "newest", "oldest")
    first, newest, oldest = (support.get(f"{QUEUE}?order={order}").context["queue"].lines for order in orders)
    assert first[-1].pk == newest[-1].pk == oldest[0].pk == cases.silent.pk


def test_whoever_waits_for_support_is_on_top(support: Client, cases: Cases, project: Any, bob: Any) -> None:
    SupportRequest.objects.filter(pk=cases.shared.pk).update(state="solved")
    SupportRequest.objects.filter(pk=cases.kept.pk).update(state="waiting")
    conversations.reply(cases.shared, by=acting(bob), text="It <b>still</b> fails.")
    late = fail(project, "late-app")
    Failure.objects.exclude(pk=late.pk).update(created_at=timezone.now() - timedelta(minutes=4))
    for minutes, asked in enumerate((cases.shared, cases.kept, cases.other), 1):
        moment = timezone.now() - timedelta(minutes=minutes)
        SupportRequest.objects.filter(pk=asked.pk).update(asked_at=moment)

    answer = support.get(QUEUE)
    lines = answer.context["queue"].lines

    assert [line.pk for line in lines] == [cases.shared.pk, cases.other.pk, late.pk, cases.kept.pk, cases.silent.pk]
    assert (lines[0].state, lines[0].message, lines[0].again) == ("new", "It <b>still</b> fails.", True)
    assert "Wrote again" in answer.content.decode()
    assert "<b>still" not in answer.content.decode()
    assert support.get(f"{QUEUE}?order=newest").context["queue"].lines[0].pk == late.pk
    assert answer.context["queue"].counts["new"] == 4


def test_what_was_said_later_is_found_and_dates_it(support: Client, cases: Cases, bob: Any) -> None:
    SupportRequest.objects.update(asked_at=timezone.now() - timedelta(days=9))
    assert found(support, "age=week") == {"silent-app"}
    conversations.reply(cases.kept, by=acting(bob), text="The lighthouse is dark.")
    assert found(support, "q=lighthouse") == {"kept-app"}
    assert found(support, "age=hour") == {"silent-app", "kept-app"}


def test_states_are_counted(support: Client, cases: Cases) -> None:
    SupportRequest.objects.filter(pk=cases.other.pk).update(state="solved")
    counts = support.get(QUEUE).context["queue"].counts
    assert counts == {"open": 3, "new": 3, "seen": 0, "waiting": 0, "solved": 1}
    assert found(support, "state=solved") == {"other"}


def test_chosen_ones_move_from_the_state_that_was_seen(support: Client, cases: Cases) -> None:
    chosen = [f"failure:{cases.silent.pk}:new", f"request:{cases.other.pk}:new", f"request:{cases.kept.pk}:seen"]
    answer = support.post(f"{QUEUE}?what=request", {"case": chosen, "to": "solved"}, follow=True)

    assert "Moved 2 of 3." in answer.content.decode()
    assert answer.redirect_chain == [(f"{QUEUE}?what=request", 302)]
    for row, state in ((cases.other, "solved"), (cases.kept, "new")):
        row.refresh_from_db()
        assert row.state == state
    assert case_of(cases.silent) == ("solved", "")
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(cases.silent.pk), str(cases.other.pk)}
    assert "silent" not in "".join(LogEntry.objects.values_list("object_repr", flat=True))


@pytest.mark.parametrize(
    "query", ["state=maybe", "age=x", "org=x%27", "page=-1", "page=x", "order=x", "kind=%F0", "span=z"]
)
def test_an_odd_address_is_no_error_of_ours(support: Client, cases: Cases, query: str) -> None:
    assert support.get(f"{QUEUE}?{query}").status_code == 200


@pytest.mark.parametrize("chosen", ["x", "failure:x:new", "user:1:new", "failure::", "\0"])
def test_an_odd_choice_moves_nothing(support: Client, cases: Cases, chosen: str) -> None:
    for to in ("solved", "new", "x", ""):
        assert support.post(QUEUE, {"case": chosen, "to": to}).status_code == 302
    assert not LogEntry.objects.exists()


def test_it_costs_the_same_with_more_cases(support: Client, cases: Cases, project: Any, bob: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            support.get(QUEUE)
        return len(queries)

    cost()
    few = cost()
    for number in range(5):
        failure = fail(project, f"more-{number}")
        conversations.ask(
            project.organization, by=acting(bob), kind="failure", failure=failure, message="Why?", shares=True
        )
        fail(project, f"else-{number}")
    assert cost() == few
    assert few <= 20


def test_a_state_that_there_is_not_moves_nothing(support: Client, cases: Cases) -> None:
    chosen = [f"request:{cases.other.pk}:n\0", f"request:{cases.kept.pk}:unknown"]

    assert support.post(QUEUE, {"case": chosen, "to": "solved"}).status_code == 302
    assert set(SupportRequest.objects.values_list("state", flat=True)) == {"new"}
