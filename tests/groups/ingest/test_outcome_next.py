"""The end of a pull wakes the next one of an organization whose pulls at once are limited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.ingest import outcome
from groups.ingest.claim import Claim
from groups.models import ContainerGroup, Image
from portal.models import Organization, Project
from registries.failures import AccessDenied, DigestMismatch
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.pulls import make_group
from tests.support.quotas import set_quota

DENIED = AccessDenied(raw="403 DENIED", host=HOST, repository="team/app")
BROKEN = DigestMismatch(what="a layer")


class TestTheNextPull:
    """Of an organization whose pulls at once are limited, the end of one wakes the oldest that is due."""

    @pytest.fixture
    def queue(self, held: Claim, project: Project, mallory: Any) -> list[ContainerGroup]:
        """Groups that wait, oldest first: one whose time has not come, two that are due, and another organization's."""
        names = ["later", "next", "last"]
        made = [make_group(project, f"{HOST}/team/app:1.0", name=name) for name in names]
        umbrella = Organization.objects.get(slug="umbrella")
        set_quota(umbrella, max_pulls=1)
        made.append(make_group(umbrella.projects.get(), f"{HOST}/team/app:1.0", name="theirs"))
        for age, name in enumerate(["last", "next", "later", "theirs", "app"], start=1):
            created_at = timezone.now() - timedelta(minutes=age)
            Image.objects.filter(groups__name=name).update(created_at=created_at)
        Image.objects.filter(groups__name="later").update(not_before=timezone.now() + timedelta(minutes=1))
        return made

    @pytest.mark.parametrize("end", ["finish", "fail", "queue again"])
    def test_the_oldest_that_is_due_is_woken(
        self, held: Claim, queue: list[ContainerGroup], woken_after: Any, end: str
    ) -> None:
        set_quota(held.image.organization, max_pulls=1)
        with woken_after() as woken:
            if end == "finish":
                outcome.finish(held)
            else:
                outcome.fail(held, DENIED if end == "fail" else BROKEN, step="connect")
        assert [row for row in woken if row[0] == "pulls"] == [("pulls", str(queue[1].image_id))]

    def test_none_is_woken_without_a_limit_or_without_one_that_is_due(
        self, held: Claim, queue: list[ContainerGroup], woken_after: Any
    ) -> None:
        with woken_after() as woken:
            outcome.fail(held, BROKEN, step="connect")
        assert woken == []

        set_quota(held.image.organization, max_pulls=1)
        Image.objects.filter(groups__name__in=["next", "last"]).update(status="failed")
        held = claimed(held.image.groups.get())
        with woken_after() as woken:
            outcome.fail(held, BROKEN, step="connect")
        assert woken == []
