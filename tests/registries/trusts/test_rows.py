"""Which trust an image has, and how long its uses are shown."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from portal.models import Organization, Project
from registries.foundation.actor import CONSOLE
from registries.models import Trust, TrustUse
from registries.trusts.actions import remove_trust
from registries.trusts.rows import delete_old_uses, find_trust
from tests.support.trusts import CASES, add_trust_of


def test_a_projects_own_trust_comes_before_the_organizations(acme: Organization, project: Project) -> None:
    everybody, other = add_trust_of(acme, CASES["quay"]), acme.projects.create(slug="other", name="Other")
    own = add_trust_of(acme, CASES["quay"], project_id=project.pk)

    assert find_trust(acme.pk, project.pk, "quay.io") == own
    assert find_trust(acme.pk, other.pk, "quay.io") == everybody
    assert find_trust(acme.pk, None, "quay.io") == everybody
    assert find_trust(acme.pk, project.pk, "ghcr.io") is None

    remove_trust(own, by=CONSOLE)
    assert find_trust(acme.pk, project.pk, "quay.io") == everybody


def use(trust: Trust, days: int) -> TrustUse:
    row = TrustUse.objects.create(trust=trust, organization=trust.organization, pull=f"pull-{days}", jti=f"{days}")
    TrustUse.objects.filter(pk=row.pk).update(issued_at=Now() - timedelta(days=days))
    return row


def test_old_uses_end_but_the_latest_of_a_trust(acme: Organization) -> None:
    used, unused = add_trust_of(acme, CASES["quay"]), add_trust_of(acme, CASES["ecr"])
    kept = [use(used, 1), use(used, 399), use(unused, 900)]
    use(used, 401)
    use(unused, 1000)

    assert delete_old_uses() == 2
    assert delete_old_uses() == 0
    assert set(TrustUse.objects.all()) == set(kept)
