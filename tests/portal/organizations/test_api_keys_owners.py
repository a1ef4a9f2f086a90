"""What the owner of a key means for it: it is as much as they may, and another owner takes it over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.models import ApiKey, User
from portal.organizations.actions import remove
from portal.organizations.api_keys import KeyRefused, create_key, find_live_key, revoke, take_over
from portal.organizations.errors import NoLongerOwner
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.owned_keys import TWO, Texts, anna, texts, working

__all__ = ["anna", "texts"]


class TestAtUse:
    """A key is as much as its owner may: whatever way they lost the role, also without an action."""

    @pytest.mark.parametrize("role", ["member", "viewer"])
    def test_a_role_that_is_too_low(self, acme: Any, anna: User, texts: Texts, role: str) -> None:
        acme.memberships.filter(user=anna).update(role=role)
        assert working(texts) == {"own"}

    def test_no_member(self, acme: Any, anna: User, texts: Texts) -> None:
        acme.memberships.filter(user=anna).delete()
        assert working(texts) == {"own"}

    def test_deactivated(self, anna: User, texts: Texts) -> None:
        User.objects.filter(pk=anna.pk).update(is_active=False)
        assert working(texts) == {"own"}

    def test_altered_in_the_database(self, anna: User, texts: Texts) -> None:
        User.objects.filter(pk=anna.pk).update(authority_mark="x")
        assert working(texts) == {"own"}

    def test_deleted(self, acme: Any, anna: User, texts: Texts) -> None:
        anna.delete()
        assert working(texts) == {"own"}

    @pytest.mark.parametrize("column", ["owner", "project", "revoked_at"])
    def test_whoever_writes_to_the_database(
        self, acme: Any, project: Any, anna: User, alice: Any, texts: Texts, column: str
    ) -> None:
        """They make a key of somebody who left neither another owner's nor nobody's, and bring none back."""
        batch = acme.projects.create(slug="batch", name="Batch")
        new = {"organization_id": acme.pk, "name": "one", "scope": "read", "by": acting(alice)}
        texts["one"] = create_key(**new, project_id=project.pk)[1]
        values = {"owner": [None, alice], "project": [None, batch], "revoked_at": [None]}
        if column == "owner":
            remove(acme.memberships.get(user=anna), by=CONSOLE)
        if column in ("owner", "revoked_at"):
            for key in ApiKey.objects.filter(owner=anna):
                revoke(key, by=CONSOLE)
        for value in values[column]:
            names = ["one"] if column == "project" else list(TWO)
            ApiKey.objects.filter(name__in=names).update(**{"revoked_at": None, column: value})
            assert not working(texts) & set(names)

    def test_an_organization_that_is_suspended(self, acme: Any, anna: User, alice: Any, texts: Texts) -> None:
        acme.quota.suspended_at = timezone.now()
        acme.quota.save()
        remove(acme.memberships.get(user=anna), by=acting(alice))
        assert working(texts) == {"own"}


class TestTakingOver:
    def test_a_key_that_nobody_owns(self, acme: Any, alice: Any) -> None:
        row, text = create_key(organization_id=acme.pk, name="ci", scope="write", by=CONSOLE)
        assert (row.owner, find_live_key(text)) == (None, row)

        assert take_over(row, by=acting(alice))
        assert not take_over(row, by=acting(alice))

        found = find_live_key(text)
        assert found is not None
        assert found.owner == alice
        assert recorded(organization=acme)[-1][:3] == ("alice@acme.example", "key.taken_over", "ci")

    def test_brings_back_a_key_of_somebody_who_left_by_another_way(
        self, acme: Any, anna: User, alice: Any, texts: Texts
    ) -> None:
        acme.memberships.filter(user=anna).delete()
        take_over(ApiKey.objects.get(name="ci"), by=acting(alice))
        assert working(texts) == {"own", "ci"}

    def test_not_one_that_ended_or_was_altered(self, acme: Any, alice: Any) -> None:
        row, _ = create_key(organization_id=acme.pk, name="ci", scope="write", by=CONSOLE)
        ApiKey.objects.update(scope="read")
        with pytest.raises(KeyRefused, match="outside the portal"):
            take_over(row, by=acting(alice))
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(KeyRefused, match="already revoked or expired"):
            take_over(row, by=acting(alice))


def test_an_owner_of_another_organization_owns_no_key(acme: Any, mallory: Any) -> None:
    with pytest.raises(KeyRefused):
        create_key(organization_id=acme.pk, name="x", scope="read", owner_id=mallory.pk, by=CONSOLE)
    with pytest.raises(NoLongerOwner):
        create_key(organization_id=acme.pk, name="x", scope="read", by=acting(mallory))
    assert not ApiKey.objects.exists()
