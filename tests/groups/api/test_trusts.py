"""The API of trusts, and groups that are pulled by one because nothing else was sent."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from groups.models import ContainerGroup, Image, ImageCheck
from portal.models import Organization, Project, User
from registries.models import Credential, Trust
from tests.portal.api.conftest import CONTAINERS, a_group
from tests.support.trusts import CASES, REPOSITORY, CloudCase, add_trust_of

TRUSTS = "/api/v1/organizations/acme/trusts"
QUAY = {"name": "Quay", "provider": "quay", "host": "quay.io", "settings": {"robot": "acme+drayage"}}
IMAGE = f"quay.io/{REPOSITORY}:1.0"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _address(settings: Settings) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_trust_is_made_and_says_what_the_other_side_has_to_accept(
    speaks: Any, acme: Organization, project: Project, case: CloudCase
) -> None:
    speaker = speaks()
    sent = {"name": "ours", "provider": case.kind, "host": case.host, "settings": case.settings}

    made = speaker.post(TRUSTS, sent)

    assert made.status_code == 201, made.content
    answer = made.json()
    assert answer["issuer"] == f"https://portal.example/oidc/{acme.uuid}"
    assert answer["subject"] == f"organization:{acme.uuid}:project:{project.uuid}{case.suffix}"
    assert answer["audience"] == case.audience
    assert {name: answer[name] for name in sent} == sent
    assert speaker.get(TRUSTS).json() == {"items": [answer]}
    assert speaker.get(f"{TRUSTS}/{answer['id']}").json() == {**answer, "uses": []}
    assert speaker.delete(f"{TRUSTS}/{answer['id']}").status_code == 204
    assert speaker.get(TRUSTS).json() == {"items": []}
    assert speaker.get(f"{TRUSTS}/{answer['id']}").status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"settings": {}}, "settings.robot"),
        ({"settings": {"robot": "nobody"}}, "settings.robot"),
        ({"settings": {"robot": "acme+drayage", "token": "x"}}, "settings.token"),
        ({"settings": {"robot": 7}}, "settings.robot"),
        ({"settings": []}, "settings"),
        ({"provider": "ghcr"}, "provider"),
        ({"provider": "ecr"}, "settings.robot"),
        ({"host": "169.254.169.254"}, "host"),
        ({"host": "quay.io/acme"}, "host"),
        ({"host": ""}, "host"),
        ({"name": ""}, "name"),
        ({"name": "ghp_" + "a1B2" * 9}, "name"),
        ({"project": "nowhere"}, "project"),
    ],
)
def test_bad_values_are_named(speaks: Any, changed: dict[str, Any], field: str) -> None:
    answer = speaks().post(TRUSTS, QUAY | changed)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert "a1B2" not in answer.content.decode()
    assert not Trust.objects.exists()


def test_a_second_one_is_a_conflict(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(TRUSTS, QUAY)

    answer = speaker.post(TRUSTS, QUAY)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "trust_exists", "host")
    assert speaker.post(TRUSTS, QUAY | {"project": "default"}).json()["project"] == "default"


def test_a_key_that_may_only_read_does(speaks: Any, acme: Organization) -> None:
    row = add_trust_of(acme, CASES["quay"])
    reader = speaks("read")

    assert len(reader.get(TRUSTS).json()["items"]) == 1
    assert reader.get(f"{TRUSTS}/{row.pk}").status_code == 200
    assert reader.post(TRUSTS, QUAY).status_code == 403
    assert reader.delete(f"{TRUSTS}/{row.pk}").status_code == 403
    assert reader.post(f"{TRUSTS}/{row.pk}/check", {"image": IMAGE}).status_code == 403


def test_other_organizations_trusts_do_not_exist(speaks: Any, mallory: User) -> None:
    theirs = add_trust_of(mallory.organizations.get(), CASES["quay"])
    speaker = speaks()

    for key in (theirs.pk, uuid4(), "x"):
        assert speaker.get(f"{TRUSTS}/{key}").status_code == 404
        assert speaker.delete(f"{TRUSTS}/{key}").status_code == 404
        assert speaker.post(f"{TRUSTS}/{key}/check", {"image": IMAGE}).status_code == 404
    assert Trust.objects.get().is_live


def test_an_altered_one_says_so(speaks: Any, acme: Organization) -> None:
    row = add_trust_of(acme, CASES["quay"])
    Trust.objects.filter(pk=row.pk).update(settings={"robot": "mallory+robot"})

    assert speaks().get(f"{TRUSTS}/{row.pk}").json()["altered"] is True


class TestGroups:
    """What the SDKs send stays as it is."""

    def test_without_authentication_the_trust_is_used(self, speaks: Any, acme: Organization) -> None:
        trust = add_trust_of(acme, CASES["quay"])

        assert speaks().post(CONTAINERS, a_group(container={"image": IMAGE})).status_code == 201

        image = ContainerGroup.objects.get().image
        assert (image.trust, image.credential, image.provider) == (trust, None, "quay")

    def test_with_authentication_that_is_used(self, speaks: Any, acme: Organization) -> None:
        add_trust_of(acme, CASES["quay"])
        authentication = {"basic": {"username": "acme+robot", "password": "canary-81c2"}}

        speaks().post(CONTAINERS, a_group(container={"image": IMAGE, "registry_authentication": authentication}))

        image = ContainerGroup.objects.get().image
        assert image.trust is None
        assert image.credential == Credential.objects.get()

    def test_elsewhere_the_image_is_public(self, speaks: Any, acme: Organization, mallory: User) -> None:
        add_trust_of(acme, CASES["ecr"])
        add_trust_of(mallory.organizations.get(), CASES["quay"])
        other = acme.projects.create(slug="other", name="Other")
        add_trust_of(acme, CASES["quay"], project_id=other.pk)

        speaks().post(CONTAINERS, a_group(container={"image": IMAGE}))

        image = ContainerGroup.objects.get().image
        assert (image.trust, image.credential, image.provider) == (None, None, "")

    def test_another_image_is_pulled_by_it_too(self, speaks: Any, acme: Organization) -> None:
        speaker = speaks()
        speaker.post(CONTAINERS, a_group(container={"image": "docker.io/library/nginx:1"}))
        trust = add_trust_of(acme, CASES["quay"])

        assert speaker.patch(f"{CONTAINERS}/app", {"container": {"image": IMAGE}}).status_code == 200

        assert Image.objects.get(reference=IMAGE).trust == trust


class TestCheck:
    def test_only_images_of_its_registry(self, speaks: Any, acme: Organization) -> None:
        row = add_trust_of(acme, CASES["quay"])

        answer = speaks().post(f"{TRUSTS}/{row.pk}/check", {"image": "ghcr.io/acme/web:1"})

        assert (answer.status_code, answer.json()["field"]) == (400, "image")

    def test_its_steps_are_streamed(self, speaks: Any, acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
        row = add_trust_of(acme, CASES["quay"])
        monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *_: None)
        monkeypatch.setattr("groups.api.checks.close_old_connections", lambda: None)

        answer = speaks().post(f"{TRUSTS}/{row.pk}/check?wait=0", {"image": IMAGE})

        lines = [json.loads(line) for line in answer.getvalue().splitlines()]
        assert lines[-1]["result"]["status"] == "queued"
        made = ImageCheck.objects.get()
        assert (made.trust, made.provider, made.project) == (row, "quay", acme.projects.get())
