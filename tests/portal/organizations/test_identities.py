"""Every organization and project can be named in tokens: new ones, and those of earlier releases."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from portal.models import Organization, Project, User
from portal.organizations.actions import add_project, create_organization
from portal.organizations.identities import STEP, mark_existing
from registries.federation.identities import IdentityAltered, identity_of
from registries.foundation.actor import CONSOLE


def test_what_is_created_is_marked(alice: User) -> None:
    organization = create_organization(slug="initech", name="Initech", owner=alice, by=CONSOLE)
    project = add_project(organization, slug="second", name="Second", by=CONSOLE)

    for row in organization.projects.all():
        assert identity_of(Organization.objects.get(pk=organization.pk), row).organization == "initech"
    assert project.uuid != organization.projects.get(slug="default").uuid != organization.uuid


class TestEarlierRows:
    @pytest.fixture
    def step(self) -> Path:
        path = Path(settings.PORTAL_KEY_DIR) / "worker" / f"{STEP}.done"
        path.unlink()
        return path

    @pytest.fixture(autouse=True)
    def _unmarked(self, acme: Organization) -> None:
        Organization.objects.update(identity_mark="")
        Project.objects.update(identity_mark="")

    def test_they_are_marked_when_this_version_is_first_run(self, acme: Organization, step: Path) -> None:
        assert mark_existing() == 2
        assert step.exists()

        assert identity_of(Organization.objects.get(pk=acme.pk), acme.projects.get()).project == "default"

    def test_and_never_again(self, acme: Organization) -> None:
        """Mallory clears a mark, to have the portal give it another time."""
        assert mark_existing() == 0

        with pytest.raises(IdentityAltered):
            identity_of(Organization.objects.get(pk=acme.pk), acme.projects.get())
