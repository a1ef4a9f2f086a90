"""The deploy call: another image or tag, with a credential for that one pull."""

from __future__ import annotations

from typing import Any

import pytest

from groups import jobs
from groups.models import ContainerGroup, Image
from portal.models import Organization, Project
from portal.organizations.api_keys import create_key
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.portal.api.conftest import CONTAINERS, Speaker, a_group
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_group
from tests.support.trusts import CASES, add_trust_of

DEPLOY = "/api/v1/organizations/acme/projects/default/containers/app/deploy"
JOB = {"basic": {"username": "acme-ci", "password": "canary-job-token-91"}}

pytestmark = pytest.mark.django_db


@pytest.fixture
def speaker(speaks: Any) -> Any:
    """A program with a group of ghcr.io/acme/app:1.0."""
    made = speaks()
    assert made.post(CONTAINERS, a_group(container={"image": "ghcr.io/acme/app:1.0"})).status_code == 201
    return made


@pytest.fixture
def ready(speaker: Any) -> Any:
    """The same, where the image is pulled and the group stopped."""
    Image.objects.update(status="ready", digest=f"sha256:{1:064x}")
    ContainerGroup.objects.update(status="stopped")
    return speaker


def test_another_tag_is_pulled_beside_what_runs(ready: Any) -> None:
    answer = ready.post(DEPLOY, {"tag": "2.0", "registry_authentication": JOB})

    assert answer.status_code == 202, answer.content
    assert answer.json()["pending_change"] is True
    group = ContainerGroup.objects.get()
    assert group.image.reference == "ghcr.io/acme/app:1.0"
    assert group.next_image is not None
    assert (group.next_image.reference, group.next_image.credential_once) == ("ghcr.io/acme/app:2.0", True)
    credential = group.next_image.credential
    assert credential is not None
    assert (credential.hold, credential.repository) == ("pull", "acme/app")
    assert "canary" not in answer.content.decode()


@pytest.mark.parametrize(
    ("sent", "pulled"),
    [
        ({"image": "ghcr.io/acme/other:3"}, "ghcr.io/acme/other:3"),
        ({"image": "docker.io/library/nginx:1"}, "docker.io/library/nginx:1"),
        ({"tag": "1.0"}, "ghcr.io/acme/app:1.0"),
        ({"tag": f"sha256:{2:064x}"}, f"ghcr.io/acme/app@sha256:{2:064x}"),
    ],
)
def test_an_image_a_tag_and_the_same_tag_again(ready: Any, sent: dict[str, str], pulled: str) -> None:
    assert ready.post(DEPLOY, sent).status_code == 202

    group = ContainerGroup.objects.get()
    assert group.next_image is not None
    assert group.next_image.reference == pulled
    assert group.next_image.status == "queued"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "tag"),
        ({"image": "ghcr.io/acme/app:2", "tag": "2"}, "image"),
        ({"tag": "not a tag"}, "tag"),
        ({"tag": "../x"}, "tag"),
        ({"tag": "x@sha256:1"}, "tag"),
        ({"tag": ""}, "tag"),
        ({"image": "UPPER/case"}, "image"),
        ({"tag": "2", "registry_authentication": {"aws_ecr": {"access_key_id": "x", "secret_access_key": "y"}}}, None),
        ({"tag": "2", "registry_authentication": {"basic": {"username": "a:b", "password": "x"}}}, None),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(ready: Any, sent: dict[str, Any], field: str | None) -> None:
    answer = ready.post(DEPLOY, sent)

    assert answer.status_code == 400, answer.content
    assert answer.json()["field"].startswith(field or "registry_authentication")
    assert ContainerGroup.objects.get().next_image is None
    assert not Credential.objects.exists()


def test_a_failed_group_is_pulled_again(speaker: Any) -> None:
    Image.objects.update(status="failed")
    ContainerGroup.objects.update(status="failed")

    assert speaker.post(DEPLOY, {"tag": "1.1", "registry_authentication": JOB}).status_code == 202

    group = ContainerGroup.objects.get()
    assert (group.status, group.image.reference) == ("pending", "ghcr.io/acme/app:1.1")


def test_without_a_credential_a_trust_is_used(ready: Any, acme: Organization) -> None:
    trust = add_trust_of(acme, CASES["quay"])

    ready.post(DEPLOY, {"image": "quay.io/shop/web:2"})

    assert Image.objects.get(reference="quay.io/shop/web:2").trust == trust


def test_who_may(speaks: Any, ready: Any, acme: Organization, project: Project) -> None:
    def of_project(of: Project) -> Speaker:
        _, key = create_key(organization_id=acme.pk, name="ci", scope="write", project_id=of.pk, by=CONSOLE)
        return Speaker(key)

    other = acme.projects.create(slug="other", name="Other")

    assert speaks("read").post(DEPLOY, {"tag": "2"}).status_code == 403
    assert of_project(other).post(DEPLOY, {"tag": "2"}).status_code == 404
    assert ready.post(DEPLOY.replace("/app/", "/nothing/"), {"tag": "2"}).status_code == 404
    assert of_project(project).post(DEPLOY, {"tag": "2"}).status_code == 202


class TestTheCredentialIsForOnePull:
    @pytest.fixture
    def registry(self) -> Any:
        with FakeRegistry(auth="basic", users={USER: SECRET}) as running:
            running.push_image("team/app", "1.0")
            yield running

    @pytest.mark.slow
    @pytest.mark.parametrize("tag", ["1.0", "missing"])
    def test_however_it_ends(self, shared: Project, speaks: Any, registry: FakeRegistry, tag: str) -> None:
        """A failure that isn't about the credential would keep another one, to try again."""
        group = make_group(shared, f"{registry.host}/team/app:0.9")
        ContainerGroup.objects.filter(pk=group.pk).update(status="stopped")
        Image.objects.update(status="ready")
        sent = {"tag": tag, "registry_authentication": {"basic": {"username": USER, "password": SECRET}}}
        assert speaks().post(DEPLOY, sent).status_code == 202
        next_id = ContainerGroup.objects.get(pk=group.pk).next_image_id

        jobs.pull(str(next_id))

        credential = Credential.objects.get()
        assert (credential.sealed, credential.destroyed_because) == (None, "settled")
        assert credential.used_count == 1
