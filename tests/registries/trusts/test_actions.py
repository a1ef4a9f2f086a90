"""Adding, renaming and removing trusts, each with its record."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from portal.models import Activity, Organization, Project, User
from registries.foundation.actor import CONSOLE
from registries.foundation.refusal import Refusal
from registries.models import Trust
from registries.secrets.trust_marks import is_marked
from registries.trusts import actions
from registries.trusts.actions import NewTrust, TooManyTrusts, TrustExists, TrustInvalid, add_trust
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.trusts import CASES, add_trust_of

QUAY = CASES["quay"]


def test_a_trust_is_added_and_recorded(acme: Organization, bob: User) -> None:
    new = NewTrust(name=" ours ", provider="ecr", host=CASES["ecr"].host.upper(), settings=CASES["ecr"].settings)

    row = add_trust(new, organization_id=acme.pk, by=acting(bob))

    row = Trust.objects.get(pk=row.pk)
    assert (row.name, row.host, row.settings, row.created_by) == ("ours", CASES["ecr"].host, CASES["ecr"].settings, bob)
    assert is_marked(row)
    assert row.is_live
    assert recorded()[-1] == (bob.email, "trust.added", "ours", CASES["ecr"].host)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "ghp_" + "a1B2" * 9}, "name"),
        ({"provider": "ghcr"}, "provider"),
        ({"host": "10.0.0.1"}, "host"),
        ({"host": "not a host"}, "host"),
        ({"provider": "ecr", "host": "quay.io"}, "settings.robot"),
        ({"settings": {}}, "settings.robot"),
        ({"settings": {"robot": "acme+drayage", "password": "x"}}, "settings.password"),
        ({"settings": {"robot": "ghp_" + "a1B2" * 9}}, "settings.robot"),
    ],
)
def test_what_can_not_be_a_trust_changes_nothing(acme: Organization, changed: dict[str, object], field: str) -> None:
    before = Activity.objects.count()
    with pytest.raises(TrustInvalid) as raised:
        add_trust_of(acme, QUAY, **changed)

    assert (raised.value.field, raised.value.status) == (field, 400)
    assert "a1B2" not in raised.value.message
    assert not Trust.objects.exists()
    assert Activity.objects.count() == before


def test_there_is_one_for_each_host_and_project(acme: Organization, project: Project) -> None:
    add_trust_of(acme, QUAY)
    add_trust_of(acme, QUAY, project_id=project.pk)
    add_trust_of(acme, CASES["own quay"])

    for project_id in (None, project.pk):
        with pytest.raises(TrustExists) as raised:
            add_trust_of(acme, QUAY, project_id=project_id)
        assert (raised.value.status, raised.value.code, raised.value.field) == (409, "trust_exists", "host")


def test_another_organization_may_have_one_for_the_same_host(acme: Organization, mallory: User) -> None:
    add_trust_of(acme, QUAY)

    assert add_trust_of(mallory.organizations.get(), QUAY).is_live


def test_a_removed_one_makes_room_and_stays_for_its_uses(acme: Organization, bob: User) -> None:
    first = add_trust_of(acme, QUAY)

    assert actions.remove_trust(first, by=acting(bob))
    assert not actions.remove_trust(first, by=acting(bob))

    assert add_trust_of(acme, QUAY).pk != first.pk
    assert not Trust.objects.get(pk=first.pk).is_live
    assert [row[1] for row in recorded()].count("trust.removed") == 1


def test_an_organization_has_a_limit(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MAX_TRUSTS", 1)
    add_trust_of(acme, QUAY)

    with pytest.raises(TooManyTrusts):
        add_trust_of(acme, CASES["ecr"])


def test_it_is_renamed(acme: Organization, bob: User) -> None:
    row = add_trust_of(acme, QUAY)

    assert actions.rename_trust(row, name="new", by=acting(bob))
    assert not actions.rename_trust(row, name="new", by=acting(bob))
    with pytest.raises(TrustInvalid):
        actions.rename_trust(row, name=" ", by=acting(bob))

    row.refresh_from_db()
    assert row.name == "new"
    assert is_marked(row)
    assert recorded()[-1][1:] == ("trust.changed", "quay trust", "quay trust → new")


@pytest.mark.slow
def test_of_two_that_add_the_same_at_once_one_is_told(transactional_db: None, acme: Organization) -> None:
    answers: list[object] = []
    begin = threading.Barrier(2)

    def add() -> None:
        begin.wait(5)
        try:
            answers.append(add_trust_of(acme, QUAY))
        except Refusal as refusal:
            answers.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(type(answer).__name__ for answer in answers) == ["Trust", "str"]
    assert "trust_exists" in answers


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "quay.acme.example"},
        {"provider": "ecr"},
        {"settings": {"robot": "mallory+robot"}},
        {"project_id": 1},
        {"mark": ""},
        {"mark": "é" * 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_row_that_somebody_wrote_has_no_mark(acme: Organization, changed: dict[str, object]) -> None:
    row = add_trust_of(acme, QUAY)
    assert is_marked(row)

    for name, value in changed.items():
        setattr(row, name, value)

    assert not is_marked(row)


def test_by_the_console_nobody_added_it(acme: Organization) -> None:
    assert add_trust(
        NewTrust(name="x", provider="quay", host="quay.io", settings=QUAY.settings),
        organization_id=acme.pk,
        by=CONSOLE,
    ).created_by is None  # fmt: skip
