"""The activity in the admin: all chains, which operator acted, and erasing a text."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.audit.verification import verify
from portal.models import Activity, ActivityText, Organization, User
from registries.foundation.activity import Target, record
from registries.foundation.actor import CONSOLE, PORTAL_NAME, Actor, ActorKind
from tests.support.activity import recorded, write_activity
from tests.support.admin_rows import act, url

ADDRESS = url(Activity)
SECRET = "hunter2-in-a-name"


def acting_operator(person: User) -> Actor:
    return Actor(kind=ActorKind.OPERATOR, id=str(person.pk), name=PORTAL_NAME, address="192.0.2.7", request_id="b" * 32)


def write(by: Actor, action: str, target: str, organization: Organization | None = None) -> Activity:
    with transaction.atomic():
        record(by, action, Target("node", "", target), organization_id=organization.pk if organization else None)
    return Activity.objects.latest("pk")


def listed(operator: Client, query: str = "") -> list[str]:
    """The actions in the list, newest first."""
    text = operator.get(f"{ADDRESS}{query}").content.decode()
    return re.findall(r'<td class="field-action">([^<]+)</td>', text)


def test_operators_read_all_chains(operator: Client, acme: Organization, alice: User) -> None:
    write_activity(acme.pk, alice, "group.started", "render")
    write(CONSOLE, "node.removed", "berlin-1")
    text = operator.get(ADDRESS).content.decode()
    assert listed(operator)[:2] == ["node.removed", "group.started"]
    for shown in (">Acme<", ">The portal<", ">alice@acme.example<", ">render<", ">berlin-1<", ">console (operator)<"):
        assert shown in text
    assert operator.get(url(Activity, Activity.objects.latest("pk").pk)).status_code == 200


def test_operators_read_which_operator_acted_and_members_do_not(
    operator: Client, acme: Organization, alice: User, olga: User, as_user: Callable[[User], Client]
) -> None:
    row = write(acting_operator(olga), "operator.resumed", "Acme", acme)
    for address in (ADDRESS, url(Activity, row.pk)):
        text = operator.get(address).content.decode()
        assert f"{olga.email} (operator)" in text
        assert "192.0.2.7" in text
    page = as_user(alice).get("/o/acme/settings/activity/").content.decode()
    assert olga.email not in page
    assert "192.0.2.7" not in page


def test_the_operators_of_a_page_are_one_query(operator: Client, olga: User) -> None:
    sam = User.objects.create_superuser("oskar@drayage.example")
    for by in (olga, sam):
        write(acting_operator(by), "node.cordoned", "berlin-1")
    with CaptureQueriesContext(connection) as few:
        assert len(listed(operator)) == 2
    for number in range(20):
        write(acting_operator((olga, sam)[number % 2]), "node.cordoned", f"berlin-{number}")
    with CaptureQueriesContext(connection) as many:
        assert len(listed(operator)) == 22
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?area=node", ["node.removed"]),
        ("?area=team", []),
        ("?by=person", ["group.stopped", "group.started"]),
        ("?by=operator", ["node.removed"]),
        ("?chain=portal", ["node.removed"]),
        ("?chain=organizations", ["group.stopped", "group.started"]),
        ("?q=render", ["group.started"]),
        ("?q=group.stopped", ["group.stopped"]),
        ("?q=OLGA@drayage.example", ["node.removed"]),
        ("?q=acme", ["group.stopped", "group.started"]),
        ("?q=" + "b" * 32, ["node.removed"]),
        ("?area=no-such", ["group.stopped", "node.removed", "group.started"]),
    ],
)
def test_searching_and_filtering(
    operator: Client, acme: Organization, alice: User, olga: User, query: str, found: list[str]
) -> None:
    write_activity(acme.pk, alice, "group.started", "render")
    write(acting_operator(olga), "node.removed", "berlin-1")
    write_activity(acme.pk, alice, "group.stopped", "whisper")
    assert listed(operator, query) == found


def test_erasing_asks_why_and_is_recorded(operator: Client, acme: Organization, alice: User, olga: User) -> None:
    row = write_activity(acme.pk, alice, "group.changed", SECRET, SECRET)
    kept = write_activity(acme.pk, alice, "group.started", "render")
    asks = operator.post(ADDRESS, act("erase", row)).content.decode()
    assert "Erase the text of these rows?" in asks
    assert f"Acme, row {row.number}: group.changed by {alice.email}, {SECRET}, {SECRET}" in asks
    missing = operator.post(ADDRESS, act("erase", row, confirmed="yes", reason=" ")).content.decode()
    assert "Write this first." in missing
    assert ActivityText.objects.filter(pk=row.pk).exists()

    answer = operator.post(ADDRESS, act("erase", row, confirmed="yes", reason="A secret in a name."), follow=True)
    assert "Text erased 1 of 1." in answer.content.decode()
    assert not ActivityText.objects.filter(pk=row.pk).exists()
    assert ActivityText.objects.filter(pk=kept.pk).exists()
    assert recorded(action="activity.erased") == [
        ("Drayage", "activity.erased", f"row {row.number}", "A secret in a name.")
    ]
    erasure = Activity.objects.get(action="activity.erased")
    assert (erasure.organization_id, erasure.actor_kind, erasure.actor_key) == (acme.pk, "operator", str(olga.pk))
    entry = LogEntry.objects.get()
    assert entry.change_message == "Text erased: A secret in a name."
    assert entry.object_repr == f"Row {row.number} of organization {acme.pk}: group.changed"
    assert list(verify()) == []
    for address in (ADDRESS, url(Activity, row.pk)):
        text = operator.get(address).content.decode()
        assert SECRET not in text
        assert "name erased" in text


def test_several_are_erased_in_the_order_in_which_they_were_written(
    operator: Client, acme: Organization, alice: User
) -> None:
    rows = [write_activity(acme.pk, alice, "group.changed", SECRET) for _ in range(3)]
    chosen = [str(row.pk) for row in rows]
    sent = {"action": "erase", "_selected_action": chosen, "confirmed": "yes", "reason": "A secret in a name."}

    operator.post(ADDRESS, sent)

    erased = [target for _, _, target, _ in recorded(action="activity.erased")]
    assert erased == [f"row {row.number}" for row in rows]


def test_what_has_no_text_is_not_erased_again(operator: Client, acme: Organization, alice: User) -> None:
    row = write_activity(acme.pk, alice, "group.changed", SECRET)
    sent = {"confirmed": "yes", "reason": "A secret in a name."}
    operator.post(ADDRESS, act("erase", row, **sent))
    erasure = Activity.objects.get(action="activity.erased")
    for nothing in (row, erasure):
        answer = operator.post(ADDRESS, act("erase", nothing, **sent), follow=True).content.decode()
        assert "1 had nothing left to do." in answer
    assert len(recorded(action="activity.erased")) == 1


def test_support_reads_and_erases_nothing(support: Client, acme: Organization, alice: User) -> None:
    row = write_activity(acme.pk, alice, "group.changed", SECRET)
    assert support.get(ADDRESS).status_code == 403
    assert support.post(ADDRESS, act("erase", row, confirmed="yes", reason="Mine.")).status_code == 403
    assert ActivityText.objects.filter(pk=row.pk).exists()


def test_a_reason_with_nul_is_cleaned(operator: Client, acme: Organization, alice: User) -> None:
    row = write_activity(acme.pk, alice, "group.started", SECRET)
    suspends = {"action": "suspend", "_selected_action": [str(acme.pk)], "confirmed": "yes", "reason": "\0unpaid\0"}
    assert operator.post(url(Organization), suspends).status_code == 302
    assert operator.post(ADDRESS, act("erase", row, confirmed="yes", reason="\0a secret")).status_code == 302

    assert [detail for *_, detail in recorded(action__in=["operator.suspended", "activity.erased"])] == [
        "unpaid", "a secret",
    ]  # fmt: skip
    assert "\0" not in str(list(LogEntry.objects.values()))
    missing = operator.post(ADDRESS, act("erase", row, confirmed="yes", reason="\0")).text
    assert "Write this first." in missing
