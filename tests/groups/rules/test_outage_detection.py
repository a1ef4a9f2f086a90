"""When failures are an outage: of one registry, of nearly every one, and of none.

As shared builders report them: Docker Hub answers everybody with 503 or EOF for an hour (docker/hub-feedback#1548,
#1897, #2082, Shippable/support#3016), or nothing is found because the own name server is away (docker/for-mac#1340).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from groups.models import FailedAttempt, Outage
from groups.rules.outage_detection import Failing, is_unusual, observe
from tests.support.outages import GITHUB, HUB, OWN, QUAY, fail_attempts, make_outage, organizations, succeed

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 12, 34, 56, tzinfo=UTC)


def failing() -> list[Failing]:
    return observe(NOW).failing()


def names() -> list[str]:
    return [found.registry for found in failing()]


@pytest.mark.parametrize(
    ("count", "usual", "unusual"),
    [
        (4, 0.0, False),
        (5, 0.0, True),
        (14, 1.0, True),
        (6, 1.0, False),
        (7, 1.0, True),
        (30, 10.0, False),
        (34, 10.0, True),
    ],
)
def test_what_is_unusual(count: int, usual: float, unusual: bool) -> None:
    assert is_unusual(count, usual) == unusual


def test_a_registry_that_fails_at_several_organizations() -> None:
    first, second, third = organizations(3)
    fail_attempts([first, second], NOW, 8, 5, 2)
    fail_attempts([third], NOW, 4, code="rate_limited")
    succeed([first], NOW, 9)

    with CaptureQueriesContext(connection) as queries:
        (found,) = failing()

    assert len(queries) == 3
    assert (found.registry, found.kind, found.code) == ("ghcr", "ghcr", "registry_unreachable")
    assert (found.attempts, found.organizations, found.registries, found.usual) == (7, 3, 1, 0)
    assert (found.began_at.minute, found.last_failed_at.minute) == (26, 32)


def test_nothing_fails() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert failing() == []
    assert len(queries) == 2


def test_one_organizations_failures_are_its_own() -> None:
    """Such as a firewall in front of its registry, or its own limit of pulls."""
    fail_attempts(organizations(1), NOW, *range(1, 10))
    assert names() == []


def test_wrong_passwords_are_no_outage() -> None:
    fail_attempts(organizations(6), NOW, 3, 2, code="authentication_failed", passes=False)
    assert names() == []


def test_few_failures_are_no_outage() -> None:
    fail_attempts(organizations(4), NOW, 2)
    assert names() == []


def test_as_many_as_on_every_day_are_none() -> None:
    customers = organizations(3)
    fail_attempts(customers, NOW, *range(15, 1400, 5))
    fail_attempts(customers, NOW, 8, 5, 2)
    assert names() == []
    fail_attempts(customers, NOW, *[1] * 6)
    (found,) = failing()
    assert (found.attempts, round(found.usual)) == (27, 6)


def test_what_failed_in_an_earlier_outage_is_not_usual() -> None:
    """Else a second one on the same day would not be noticed."""
    customers = organizations(3)
    minutes = [200 + number / 10 for number in range(600)]
    fail_attempts(customers, NOW, *minutes)
    fail_attempts(customers, NOW, 3, 2)
    assert names() == []
    rows = FailedAttempt.objects.order_by("created_at")
    first, last = rows.filter(created_at__lt=NOW).first(), list(rows)[-7]
    assert first is not None
    make_outage(began_at=first.created_at, last_failed_at=last.created_at, ended_at=last.created_at)
    assert names() == ["ghcr"]


def test_most_succeed_there() -> None:
    """Two of many customers whose proxies or accounts fail."""
    customers = organizations(8)
    fail_attempts(customers[:2], NOW, 4, 3, 2)
    succeed(customers[2:6], NOW, 1)
    assert names() == ["ghcr"]
    succeed(customers[6:], NOW, 2)
    assert names() == []


def test_one_that_is_over_before_it_was_noticed_is_none() -> None:
    customers = organizations(3)
    fail_attempts(customers, NOW, 8, 7)
    assert names() == ["ghcr"]
    succeed(customers[:1], NOW, 2)
    assert names() == []


def test_a_partial_outage_began_with_its_first_failure() -> None:
    customers = organizations(3)
    fail_attempts(customers, NOW, 8, 4, 2)
    succeed(customers[:1], NOW, 3)
    (found,) = failing()
    assert (found.attempts, found.began_at.minute) == (9, 26)


def test_one_host_that_several_share() -> None:
    customers = organizations(2)
    fail_attempts(customers, NOW, 4, 3, 2, host=OWN)
    fail_attempts(customers[:1], NOW, 4, 3, 2, host="other.example.com")
    (found,) = failing()
    assert (found.kind, found.organizations, len(found.registry)) == ("self_hosted", 2, 32)
    assert OWN not in found.registry


def test_hosts_of_different_customers_are_different_registries() -> None:
    for number, customer in enumerate(organizations(2)):
        fail_attempts([customer], NOW, 4, 3, 2, host=f"registry-{number}.example.com")
    assert names() == []


def test_a_service_with_a_host_for_each_customer_needs_more_of_them() -> None:
    """Two registries of Azure behind the firewalls of their owners are no outage of Azure."""
    customers = organizations(3)
    for number, customer in enumerate(customers[:2]):
        fail_attempts([customer], NOW, 4, 3, 2, host=f"team{number}.azurecr.io")
    assert names() == []
    fail_attempts(customers[2:], NOW, 4, 3, 2, host="team2.azurecr.io")
    assert names() == ["acr"]


@pytest.mark.parametrize("code", ["registry_unreachable", "resolver_failed"])
def test_nearly_every_registry_fails(code: str) -> None:
    customers = organizations(3)
    succeed(customers, NOW, 6, host=GITHUB)
    succeed(customers, NOW, 6, host=HUB)
    fail_attempts(customers, NOW, 3, 1, host=GITHUB, code=code)
    fail_attempts(customers[:1], NOW, 3, host=HUB, code=code)
    fail_attempts(customers[1:], NOW, 2, host=OWN, code=code)
    (found,) = failing()
    assert (found.registry, found.kind, found.code) == (Outage.EVERYWHERE, "", code)
    assert (found.registries, found.organizations, found.began_at.minute) == (3, 3, 31)


def test_a_failure_long_before_is_not_the_beginning() -> None:
    customers = organizations(3)
    fail_attempts(customers[:1], NOW, 9, host=OWN)
    for host in (GITHUB, HUB, QUAY):
        fail_attempts(customers, NOW, 2, host=host)
    (found,) = failing()
    assert (found.registries, found.began_at.minute) == (4, 32)


def test_several_services_that_fail_while_others_work_are_outages_of_their_own() -> None:
    """As when they share a cloud."""
    customers = organizations(3)
    for host in (GITHUB, HUB, QUAY):
        fail_attempts(customers, NOW, 3, 2, host=host)
    succeed(customers, NOW, 1, host=OWN)
    assert names() == [Outage.EVERYWHERE], "one that works is few"
    succeed(customers, NOW, 1, host="other.example.com")
    assert sorted(names()) == ["docker_hub", "ghcr", "quay"]


def test_private_registries_of_two_customers_are_not_everything() -> None:
    for number, customer in enumerate(organizations(2)):
        for host in ("a", "b"):
            fail_attempts([customer], NOW, 3, 2, host=f"{host}{number}.example.com")
    assert names() == []
    fail_attempts(organizations(1, first=2), NOW, 2, host="c.example.com")
    assert names() == [Outage.EVERYWHERE]


def test_wrong_passwords_everywhere_are_none() -> None:
    customers = organizations(4)
    for host in (GITHUB, HUB, QUAY, OWN):
        fail_attempts(customers, NOW, 2, 1, host=host, code="access_denied", passes=False)
    assert names() == []


def test_rows_of_an_earlier_version_name_no_registry() -> None:
    fail_attempts(organizations(3), NOW, 3, 2)
    FailedAttempt.objects.update(registry="")
    assert names() == []
