"""Names of a credential that are erased from every table."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection

from groups.actions.checks import start_check
from groups.models import Failure
from portal.audit.verification import verify
from portal.models import Activity, ActivityText, Organization, Project, User
from registries import actions
from registries.credential_rows import NewCredential
from registries.models import ERASED_NAME, Credential
from registries.oci.reference import parse
from tests.registries.conftest import HOST
from tests.support.actors import acting
from tests.support.pulls import SECRET, make_group

pytestmark = pytest.mark.usefixtures("others_stay_as_they_are")

CANARY = "canary7f3a"


def everything() -> str:
    """Every value of every table."""
    with connection.cursor() as cursor:
        found = []
        for model in (model for model in apps.get_models() if model._meta.managed):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            found += cursor.fetchall()
    return str(found)


class TestEraseNames:
    @pytest.fixture
    def receipt(self, acme: Organization, alice: User, project: Project) -> Credential:
        """The receipt of a credential that was added, renamed, used for a group whose pull failed, for a check, and
        destroyed, with names in all of it."""
        by = acting(alice)
        typed = NewCredential(
            provider="self_hosted", name=f"{CANARY} a", host=HOST, values={"username": CANARY, "password": SECRET}
        )
        credential = actions.add_credential(typed, organization_id=acme.pk, by=by)
        actions.rename(credential, name=f"{CANARY} b", by=by)
        credential.refresh_from_db()
        group = make_group(project, f"{HOST}/team/app:1", credential=credential)
        Failure.objects.create(
            organization=acme, group=group, group_name=group.name, reference="x", registry=HOST, step="token",
            code="authentication_failed", params={"host": HOST},
        )  # fmt: skip
        start_check(organization_id=acme.pk, reference=parse(f"{HOST}/team/app:1"), credential=credential, by=by)
        actions.destroy(credential, reason=Credential.DestructionReason.OPERATOR, by=by)
        LogEntry.objects.log_actions(alice.pk, [credential], CHANGE, "Destroyed", single_object=True)
        credential.refresh_from_db()
        return credential

    def test_no_table_has_the_names_any_more(self, receipt: Credential, bob: User) -> None:
        assert everything().count(CANARY) > 5

        assert actions.erase_names(receipt, by=acting(bob))

        assert CANARY not in everything()
        receipt.refresh_from_db()
        assert (receipt.name, receipt.fields, receipt.host) == (ERASED_NAME, {}, HOST)

    def test_the_activity_still_verifies_and_says_what_was_done(
        self, receipt: Credential, bob: User, acme: Organization
    ) -> None:
        before = list(Activity.objects.filter(organization=acme).values_list("hash", flat=True).order_by("number"))

        actions.erase_names(receipt, by=acting(bob))

        rows = Activity.objects.filter(organization=acme).order_by("number")
        assert list(rows.values_list("hash", flat=True))[: len(before)] == before
        assert [row.action for row in rows][len(before) :] == ["activity.erased"] * 4 + ["credential.erased"]
        assert list(verify()) == []

    def test_it_happens_once_and_again_after_another_name(self, receipt: Credential, bob: User) -> None:
        assert actions.erase_names(receipt, by=acting(bob))
        assert not actions.erase_names(receipt, by=acting(bob))

        actions.rename(receipt, name=f"{CANARY} c", by=acting(bob))
        assert actions.erase_names(receipt, by=acting(bob))
        assert CANARY not in everything()

    def test_other_credentials_keep_theirs(self, receipt: Credential, acme: Organization, bob: User) -> None:
        typed = NewCredential(
            provider="self_hosted", name="builds", host=HOST, values={"username": "deploy", "password": SECRET}
        )
        other = actions.add_credential(typed, organization_id=acme.pk, by=acting(bob))

        actions.erase_names(receipt, by=acting(bob))

        other.refresh_from_db()
        assert (other.name, other.fields) == ("builds", {"username": "deploy"})
        assert ActivityText.objects.filter(target_name="builds").exists()

    def test_what_is_held_is_destroyed_first(self, credential: Credential, bob: User) -> None:
        with pytest.raises(actions.CredentialHeld):
            actions.erase_names(credential, by=acting(bob))
