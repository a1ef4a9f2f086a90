"""Outages as members and operators read them: which ones, with which name, and with which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from groups.models.outage import SHOWN_AFTERWARDS
from groups.queries.metrics import GroupMetrics
from groups.queries.outages import OutageNotice, current_outages, outages_at, outages_of
from registries.foundation.clock import database_now
from tests.support.outages import GITHUB, HUB, OWN, QUAY, make_outage, succeed
from tests.support.pulls import make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
MINUTE = timedelta(minutes=1)


def outage(host: str = GITHUB, *, over_for: timedelta | None = None, **values: Any) -> Any:
    now = database_now()
    ended_at = None if over_for is None else now - over_for
    return make_outage(host, **{"began_at": now - 90 * MINUTE, "last_failed_at": now, "ended_at": ended_at, **values})


def titles(notices: list[OutageNotice]) -> list[str]:
    return [notice.title for notice in notices]


@pytest.mark.parametrize(
    ("organizations", "title"),
    [
        (2, "GitHub's registry is failing for several organizations"),
        (3, "GitHub's registry is failing for many"),
    ],
)
def test_for_whom_it_fails(db: None, organizations: int, title: str) -> None:
    outage(organizations=organizations)
    assert titles(outages_at(["ghcr.io"])) == [title]
    assert outages_at(["quay.io", OWN]) == []


def test_why_it_fails_and_that_it_is_not_the_members_fault(db: None) -> None:
    outage(code="rate_limited")
    (notice,) = outages_at(["ghcr.io"])
    assert notice.text.startswith("It asks us to slow down. Other organizations see this too, so it is probably")


def test_one_that_is_over_is_shown_for_a_while(db: None) -> None:
    outage(GITHUB, over_for=SHOWN_AFTERWARDS - MINUTE, recovered=True)
    outage(HUB, over_for=MINUTE)
    outage(QUAY, over_for=SHOWN_AFTERWARDS + MINUTE)
    (github,) = outages_at(["ghcr.io"])
    assert (github.title, github.text) == ("GitHub's registry was failing for many", "Pulls succeed again.")
    (hub,) = outages_at(["docker.io"])
    assert "so it may not be over" in hub.text
    assert outages_at(["quay.io"]) == []


def test_an_organization_reads_of_what_it_uses(acme: Any, project: Any) -> None:
    for host in (GITHUB, HUB, QUAY, OWN, "registry.other.example"):
        outage(host)
    assert outages_of(acme.pk) == []
    make_group(project, f"{OWN}/team/app:1")
    make_credential(acme, "ghcr.io")
    succeed([acme], database_now(), 0, host=QUAY)  # an image of no group

    with CaptureQueriesContext(connection) as queries:
        found = titles(outages_of(acme.pk))

    assert len(queries) == 3
    assert set(found) == {
        "GitHub's registry is failing for many",
        "The registry registry.example.com is failing for many",
    }
    with_services = titles(outages_of(acme.pk, any_service=True))
    assert len(with_services) == 4
    assert not any("other.example" in title for title in with_services)


def test_without_an_outage_it_is_one_query(acme: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert outages_of(acme.pk) == []
    assert len(queries) == 1


def test_everywhere_is_for_everybody_and_contains_the_single_ones(acme: Any) -> None:
    outage("", registries=4)
    outage(GITHUB)
    outage(HUB, last_failed_at=database_now() - 100 * MINUTE, began_at=database_now() - 120 * MINUTE)
    for found in (outages_of(acme.pk, any_service=True), outages_at(["ghcr.io", "docker.io"])):
        assert titles(found) == [
            "Pulls from nearly every registry are failing for many",
            "Docker Hub is failing for many",
        ]
    assert outages_of(acme.pk)[0].text.startswith("The cause is probably the portal's own network")


@pytest.mark.parametrize(
    ("code", "what"),
    [("registry_unreachable", "network, proxy, firewall or name server"), ("resolver_failed", "name server")],
)
def test_operators_read_numbers_and_where_to_look(db: None, code: str, what: str) -> None:
    single = outage(GITHUB, usual=1.4)
    outage("", registries=4, organizations=3, code=code, attempts=31)
    outage(QUAY, over_for=MINUTE)

    everywhere, github = current_outages(names_hosts=True)

    since = f"since {single.began_at:%H:%M} UTC"
    assert everywhere.for_operators == (
        f"Pulls from 4 registries have been failing {since}, and almost none succeed. That is probably the portal's "
        f"own {what}. Up to 31 failed attempts in ten minutes, usually none, mostly {code}, at 3 organizations."
    )
    assert github.for_operators == (
        f"GitHub's registry has been failing {since}. Up to 14 failed attempts in ten minutes, usually 1, mostly "
        "registry_unreachable, at 4 organizations."
    )
    assert (everywhere.filters, github.filters) == ("age=hour", "kind=ghcr&age=hour")


def test_operators_read_the_host_of_a_registry_that_is_no_service(acme: Any, project: Any) -> None:
    outage(OWN)
    assert current_outages(names_hosts=True)[0].for_operators.startswith("A registry has been failing")
    make_group(project, f"{OWN}/team/app:1")
    assert current_outages(names_hosts=True)[0].for_operators.startswith(f"The registry {OWN} has been failing")
    assert OWN not in current_outages(names_hosts=False)[0].for_operators, "support sees what members share"


def test_the_metric_names_no_host(db: None) -> None:
    outage(OWN, organizations=2)
    outage("other.example.com", organizations=3)
    outage(GITHUB, organizations=7)
    outage(HUB, over_for=MINUTE)
    outage("", organizations=9)
    (family,) = (family for family in GroupMetrics().collect() if family.name == "drayage_outage_organizations")
    samples = {sample.labels["registry"]: sample.value for sample in family.samples}
    assert samples == {"self_hosted": 3, "ghcr": 7, "everywhere": 9}
