"""Whole pulls and checks by a trust: nothing secret is there before, after, or left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from groups.actions import lifecycle
from groups.actions.checks import start_check
from groups.ingest import check
from groups.models import ContainerGroup, Failure, ImageCheck, PullStep, Quota
from portal.models import Organization, Project, User
from registries.foundation.actor import CONSOLE
from registries.models import Credential, Trust, TrustUse
from registries.oci.reference import parse
from registries.trusts.actions import remove_trust
from tests.groups.ingest.conftest import again
from tests.support.fakes.clouds.server import Clouds
from tests.support.fakes.faults import Fault
from tests.support.pulls import make_group, step_outcomes
from tests.support.trusts import CASES, KINDS, REPOSITORY, CloudCase, add_trust_of, presented, publish_issuers

pytestmark = pytest.mark.slow

each_cloud = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_kind = pytest.mark.parametrize("case", KINDS, ids=lambda case: case.kind)


def allowed(clouds: Clouds, case: CloudCase, project: Project) -> Trust:
    """Acme's trust, and the other side of it."""
    trust = add_trust_of(project.organization, case)
    said = presented(trust, project)
    case.allow(clouds, said.issuer, said.subject)
    return trust


def pull(project: Project, trust: Trust, **values: Any) -> ContainerGroup:
    return again(make_group(project, f"{trust.host}/{REPOSITORY}:1.0", credential=trust, **values))  # type: ignore[arg-type]


def refused(group: ContainerGroup) -> tuple[str, str]:
    """The failed pull's code and case."""
    assert group.status == "failed"
    row = Failure.objects.get(group=group)
    return row.code, str(row.params.get("case"))


@each_cloud
def test_an_image_is_pulled_with_nothing_secret(shared: Project, reachable: Clouds, case: CloudCase) -> None:
    trust = allowed(reachable, case, shared)

    group = pull(shared, trust, name="web")

    assert (group.status, group.image.status) == ("stopped", "ready")
    assert set(step_outcomes(group.image).values()) == {"ok"}
    assert not Credential.objects.exists()
    use = TrustUse.objects.get()
    said = presented(trust, shared)
    assert (use.issuer, use.subject, use.audience) == (said.issuer, said.subject, said.audience)
    assert (use.pull, use.group_name, use.outcome) == (f"pull-{group.image.pk}-1", "web", "accepted")
    assert len(use.pull) <= 64
    details = dict(PullStep.objects.filter(image=group.image).values_list("name", "detail"))
    assert details["destroy"] == "No secret was ever here"
    assert "trust" in details["authenticate"]


def test_the_token_carries_the_pull(shared: Project, reachable: Clouds) -> None:
    group = pull(shared, allowed(reachable, CASES["ecr"], shared))

    (call,) = reachable.aws.calls
    assert call["RoleSessionName"] == TrustUse.objects.get().pull == f"pull-{group.image.pk}-1"


def test_each_attempt_has_a_token_of_its_own(shared: Project, reachable: Clouds) -> None:
    trust = allowed(reachable, CASES["quay"], shared)
    reachable.instead["quay.io"] = Fault("/oauth2", status=503, body=b"busy")
    reachable.instead.clear()
    reachable.fault("/manifests/", status=503, times=1)

    group = pull(shared, trust)
    assert group.status == "pending"
    group = again(group)

    assert group.status == "stopped"
    first, second = TrustUse.objects.order_by("pk")
    assert first.jti != second.jti
    assert [use.pull.rpartition("-")[2] for use in (first, second)] == ["1", "2"]


@each_kind
def test_a_refusal_says_what_to_correct(shared: Project, reachable: Clouds, case: CloudCase) -> None:
    trust = add_trust_of(shared.organization, case)
    said = presented(trust, shared)
    case.allow(reachable, said.issuer, said.subject + "-other")

    group = pull(shared, trust)

    assert refused(group) == ("trust_refused", "subject")
    failure = Failure.objects.get(group=group)
    assert said.subject in failure.words.text
    assert TrustUse.objects.get().outcome == "trust_refused"


def test_who_is_let_in_may_not_read_every_repository(shared: Project, reachable: Clouds) -> None:
    trust = allowed(reachable, CASES["quay"], shared)
    reachable.quay.readers.clear()

    assert refused(pull(shared, trust))[0] in {"access_denied", "trust_refused"}


class TestNothingIsSigned:
    @pytest.fixture
    def trust(self, shared: Project, reachable: Clouds) -> Trust:
        return allowed(reachable, CASES["ecr"], shared)

    @pytest.fixture
    def group(self, shared: Project, trust: Trust) -> ContainerGroup:
        return make_group(shared, f"{trust.host}/{REPOSITORY}:1.0", credential=trust)  # type: ignore[arg-type]

    @pytest.fixture(autouse=True)
    def _nothing(self, reachable: Clouds) -> Any:
        yield
        assert not TrustUse.objects.exists()
        assert reachable.aws.calls == []

    def test_for_a_trust_that_was_removed(self, trust: Trust, group: ContainerGroup) -> None:
        remove_trust(trust, by=CONSOLE)

        assert refused(again(group)) == ("trust_refused", "removed")

    @pytest.mark.parametrize(
        "changed",
        [
            {"host": "210987654321.dkr.ecr.eu-west-1.amazonaws.com"},
            {"settings": {"role_arn": "arn:aws:iam::666666666666:role/mallory"}},
            {"settings": {"role_arn": "arn:aws:iam::123456789012:role/drayage-pull", "audience": "x"}},
            {"provider": "quay"},
            {"mark": ""},
        ],
        ids=["host", "role", "audience", "provider", "mark"],
    )
    def test_for_a_trust_that_somebody_wrote_into_the_database(
        self, trust: Trust, group: ContainerGroup, changed: dict[str, object]
    ) -> None:
        Trust.objects.filter(pk=trust.pk).update(**changed)

        assert refused(again(group)) == ("trust_refused", "altered")

    def test_for_the_trust_of_another_organization(self, trust: Trust, group: ContainerGroup, mallory: User) -> None:
        Trust.objects.filter(pk=trust.pk).update(organization=mallory.organizations.get())

        assert refused(again(group)) == ("trust_refused", "altered")

    def test_for_swapped_organizations(self, group: ContainerGroup, acme: Organization, mallory: User) -> None:
        umbrella = mallory.organizations.get()
        with connection.cursor() as cursor:
            sql = "UPDATE portal_organization SET uuid = %s, identity_mark = %s WHERE id = %s"
            field = Organization._meta.get_field("uuid")
            for row, value in ((umbrella, "0" * 32), (acme, umbrella.uuid)):
                uuid = value if isinstance(value, str) else field.get_db_prep_value(value, connection)
                cursor.execute(sql, [uuid, umbrella.identity_mark, row.pk])

        assert refused(again(group)) == ("trust_refused", "altered")

    def test_for_a_group_that_moved_to_another_project(self, group: ContainerGroup, mallory: User) -> None:
        ContainerGroup.objects.filter(pk=group.pk).update(project=mallory.organizations.get().projects.get())

        assert refused(again(group)) == ("trust_refused", "altered")

    def test_without_https(self, group: ContainerGroup, settings: Settings) -> None:
        settings.PORTAL_PUBLIC_URL = "http://portal.example"

        assert refused(again(group)) == ("trust_refused", "https")

    def test_without_a_key(self, group: ContainerGroup, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registries.secrets.issuer_keys.signing_numbers", list)

        assert refused(again(group))[0] == "unexpected"

    def test_for_a_check_of_a_suspended_organization(self, shared: Project, trust: Trust, acme: Organization) -> None:
        reference = parse(f"{trust.host}/{REPOSITORY}:1.0")
        row = start_check(organization_id=acme.pk, reference=reference, credential=trust, by=CONSOLE)
        Quota.objects.filter(organization_id=acme.pk).update(suspended_at=Now())

        check.check(row.pk)

        row = ImageCheck.objects.get(pk=row.pk)
        assert (row.code, row.params["case"]) == ("trust_refused", "suspended")


def test_another_organization_that_names_your_role_gets_nothing(
    shared: Project, reachable: Clouds, acme: Organization, mallory: User
) -> None:
    """The confused deputy, in whole pulls: Mallory's trust has Acme's role, which lets Acme's project in."""
    allowed(reachable, CASES["ecr"], shared)
    umbrella = mallory.organizations.get()
    publish_issuers(reachable, acme, umbrella)
    theirs = add_trust_of(umbrella, CASES["ecr"])

    group = pull(umbrella.projects.get(), theirs)

    assert refused(group) == ("trust_refused", "issuer")
    assert reachable.aws.logins == {}


def test_a_failed_pull_is_tried_again_by_its_trust(shared: Project, reachable: Clouds) -> None:
    trust = add_trust_of(shared.organization, CASES["acr"])
    said = presented(trust, shared)
    group = pull(shared, trust)
    assert refused(group)[0] == "trust_refused"
    CASES["acr"].allow(reachable, said.issuer, said.subject)

    lifecycle.retry(group, credential=trust, by=CONSOLE)

    assert again(ContainerGroup.objects.get(pk=group.pk)).status == "stopped"


@each_cloud
def test_a_check_goes_the_whole_way(shared: Project, reachable: Clouds, acme: Organization, case: CloudCase) -> None:
    trust = allowed(reachable, case, shared)
    reference = parse(f"{trust.host}/{REPOSITORY}:1.0")

    row = start_check(organization_id=acme.pk, reference=reference, credential=trust, by=CONSOLE)
    check.check(row.pk)

    row = ImageCheck.objects.get(pk=row.pk)
    assert (row.status, row.code) == ("done", "")
    assert TrustUse.objects.get().pull == f"check-{row.pk}"


@each_cloud
def test_nothing_of_a_login_is_found_anywhere(
    shared: Project, reachable: Clouds, blobs: Path, case: CloudCase, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """Tokens, temporary keys, client assertions and passwords: not in the database, files, logs or output."""
    trust = allowed(reachable, case, shared)
    pull(shared, trust, name="good")
    reachable.fault("/manifests/", status=403)
    pull(shared, trust, name="bad")

    secrets = {
        *(call[name] for call in reachable.aws.calls for name in ("WebIdentityToken",)),
        *(call["subject_token"] for call in reachable.google.calls),
        *(call["client_assertion"] for call in reachable.azure.calls),
        *reachable.quay.shown, *reachable.quay.passwords, *reachable.google.tokens, *reachable.azure.tokens,
        *reachable.azure.refresh_tokens, *reachable.aws.logins,
        *(part for session in reachable.aws.sessions for part in (session.token, session.access_key)),
    }  # fmt: skip
    assert len(secrets) >= 2
    output = "".join(capfd.readouterr()) + caplog.text
    stored = b"".join(path.read_bytes() for path in blobs.rglob("*") if path.is_file())
    haystack = output.encode() + stored + dump().encode()
    found = [secret[:12] for secret in secrets if secret.encode() in haystack]
    assert found == []
    assert all(str(jti).encode() in haystack for jti in TrustUse.objects.values_list("jti", flat=True))


def dump() -> str:
    """Every row of every table."""
    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            lines += [json.dumps([as_text(value) for value in row]) for row in cursor.fetchall()]
    return "\n".join(lines)


def as_text(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, (bytes, memoryview)) else str(value)
