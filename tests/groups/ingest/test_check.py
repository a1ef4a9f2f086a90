"""Checks of images before they are used: what they find, what they fail with, and what they leave alone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from groups.actions.checks import start_check
from groups.ingest import check
from groups.models import ImageCheck
from portal.models import Organization
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.groups.ingest.conftest import Checked, outcomes
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential

NAMES = [step.value for step in ImageCheck.Step]


@pytest.fixture
def registry(basic_registry: FakeRegistry) -> FakeRegistry:
    """With an image of three layers."""
    basic_registry.push_image("team/app", "1.0", [os.urandom(2_000), os.urandom(90_000), os.urandom(300)])
    return basic_registry


BOTH = pytest.mark.parametrize("auth", ["basic", "bearer"])


@BOTH
def test_an_image_that_can_be_pulled(registry: FakeRegistry, checked: Checked, auth: str) -> None:
    registry.auth = auth
    pushed = registry.push_image("team/app", "1.1", [os.urandom(2_000), os.urandom(90_000), os.urandom(300)])

    row = checked(registry, "team/app:1.1")

    assert row.status == "done"
    assert outcomes(row) == dict.fromkeys(NAMES, "ok")
    assert all(line["seconds"] is not None and line["detail"] for line in row.steps)
    assert (row.digest, row.found_platform, row.size) == (pushed.digest, "linux/amd64", pushed.size)
    assert row.layers[0]["created_by"] == "COPY layer-1 /"
    assert [layer["size"] for layer in row.layers] == sorted((layer["size"] for layer in row.layers), reverse=True)
    assert row.tags == ["1.1", "1.0"]
    assert row.remaining is None
    assert row.steps[1]["detail"] == f"{registry.host} answers, without TLS"
    assert {seen.path.rpartition("/")[2] for seen in registry.requests_to("/blobs/")} == {pushed.config_digest}


def test_it_counts_as_a_use_and_changes_nothing_else(registry: FakeRegistry, checked: Checked) -> None:
    before = timezone.now() + timedelta(hours=1)

    credential = checked(registry).credential

    assert credential is not None
    assert (credential.used_count, credential.used_hosts) == (1, [registry.host])
    assert credential.is_live
    assert abs(credential.deadline - before) < timedelta(seconds=30)


@BOTH
def test_a_wrong_secret(registry: FakeRegistry, checked: Checked, auth: str) -> None:
    registry.auth = auth

    row = checked(registry, password="canary-wrong")

    assert (row.status, row.code) == ("failed", "authentication_failed")
    assert outcomes(row) == dict.fromkeys(NAMES[:3], "ok") | {"authenticate": "failed"}
    assert row.raw.startswith("401")
    assert row.steps[-1]["detail"] == row.words.title
    assert not row.public
    assert "canary-wrong" not in str(ImageCheck.objects.values().get())


@BOTH
def test_a_login_that_works_while_the_pull_is_denied(registry: FakeRegistry, checked: Checked, auth: str) -> None:
    registry.auth = auth
    registry.grants = {USER: {"team/other"}}

    row = checked(registry)

    assert (row.status, row.code) == ("failed", "access_denied")
    assert outcomes(row)["authenticate" if row.steps[-1]["name"] == "authenticate" else "manifest"] == "failed"


def test_credentials_that_fail_on_a_public_image(checked: Checked) -> None:
    with FakeRegistry(auth="bearer", users={USER: SECRET}, public=["team/app"]) as registry:
        registry.push_image("team/app", "1.0")

        row = checked(registry, password="wrong-secret")

    assert (row.status, row.code, row.public) == ("failed", "authentication_failed", True)
    assert "public" not in row.params


def test_a_public_image_without_credentials(checked: Checked) -> None:
    with FakeRegistry() as registry:
        registry.push_image("team/app", "1.0")

        row = checked(registry, password="")

    assert row.status == "done"
    assert row.steps[3]["detail"] == "Without credentials"


def test_a_missing_tag_names_those_there_are(registry: FakeRegistry, checked: Checked) -> None:
    for tag in ("1.9", "1.10", "latest"):
        registry.push_image("team/app", tag)

    row = checked(registry, "team/app:2.0")

    assert (row.status, row.code) == ("failed", "image_not_found")
    assert row.tags == ["latest", "1.10", "1.9", "1.0"]


def test_an_image_that_is_too_large_names_its_largest_layers(
    registry: FakeRegistry, checked: Checked, settings: Settings
) -> None:
    settings.PORTAL_MAX_IMAGE_BYTES = 50_000

    row = checked(registry)

    assert (row.status, row.code) == ("failed", "image_too_large")
    assert outcomes(row)["size"] == "failed"
    assert row.size is not None
    assert row.size > 90_000
    assert row.limit == 50_000
    assert row.layers[0]["created_by"] == "COPY layer-1 /"


@pytest.mark.parametrize("index", [False, True])
def test_an_image_for_another_platform(registry: FakeRegistry, checked: Checked, index: bool) -> None:
    registry.push_image("team/app", "1.0", platform="linux/arm64", index=index)

    row = checked(registry)

    assert (row.status, row.code) == ("failed", "platform_missing")
    assert row.params["offered"] == "linux/arm64"
    assert row.digest


def test_tags_that_are_kept_secret_spoil_nothing(registry: FakeRegistry, checked: Checked) -> None:
    registry.fault("/tags/list", status=401)

    row = checked(registry)

    assert (row.status, row.tags) == ("done", [])


def test_how_many_pulls_are_left_is_kept(registry: FakeRegistry, checked: Checked) -> None:
    headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}
    registry.fault("/manifests/", headers=headers)

    assert checked(registry).remaining == 76


def test_somebody_who_is_no_registry(checked: Checked) -> None:
    with FakeRegistry() as registry:
        registry.fault("/v2/", status=404)

        row = checked(registry)

    assert (row.status, row.code) == ("failed", "registry_unreachable")
    assert outcomes(row) == {"resolve": "ok", "connect": "ok", "ping": "failed"}
    assert row.credential is not None
    assert row.credential.used_count == 0


def test_a_registry_with_tls(checked: Checked, settings: Settings, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with FakeRegistry(tls=authority.issue("127.0.0.1")) as registry:
        registry.push_image("team/app", "1.0")

        refused = checked(registry, password="")
        settings.PORTAL_REGISTRY_CA_FILE = authority.ca_file
        row = checked(registry, password="")

    assert (refused.code, outcomes(refused)["connect"]) == ("tls_invalid", "failed")
    assert row.steps[1]["detail"].endswith("over TLS, with a certificate that is trusted")


def test_a_registry_that_is_not_there(checked: Checked) -> None:
    with FakeRegistry() as gone:
        pass

    assert outcomes(checked(gone)) == {"resolve": "ok", "connect": "failed"}


def test_a_credential_that_was_destroyed(
    registry: FakeRegistry, acme: Organization, woken: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = make_credential(acme, registry.host)
    row = start_check(
        organization_id=acme.pk, reference=parse(f"{registry.host}/team/app:1.0"), credential=credential, by=CONSOLE
    )
    Credential.objects.update(deadline=timezone.now() - timedelta(seconds=1))

    check.check(row.pk)

    row.refresh_from_db()
    assert (row.status, row.code) == ("failed", "credential_expired")


def test_another_organizations_credential_is_not_opened(
    registry: FakeRegistry, acme: Organization, mallory: Any, woken: list[tuple[str, str]]
) -> None:
    umbrella = mallory.memberships.get().organization
    stolen = make_credential(acme, registry.host)
    reference = parse(f"{registry.host}/team/app:1.0")
    row = start_check(organization_id=umbrella.pk, reference=reference, credential=stolen, by=CONSOLE)

    check.check(row.pk)

    row.refresh_from_db()
    stolen.refresh_from_db()
    assert (row.status, row.code, stolen.used_count) == ("failed", "credential_tampered", 0)
    assert SECRET not in {seen.secret for seen in registry.seen}
