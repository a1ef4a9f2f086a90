"""The pages of trusts: adding one from what the other side needs, its page, renaming, removing, and roles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from portal.models import Organization, Project, User
from registries.models import Trust, TrustUse
from registries.trusts.rows import note_use, settle_use
from tests.support.trusts import CASES, POOL, CloudCase, add_trust_of, presented

LIST, NEW = "/o/acme/registries/", "/o/acme/registries/trusts/new/"


@pytest.fixture(autouse=True)
def _address(settings: Settings) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example"


@pytest.fixture
def member(bob: User, as_user: Any) -> Client:
    browser: Client = as_user(bob)
    return browser


def page_of(trust: Trust, rest: str = "") -> str:
    return f"/o/acme/registries/trusts/{trust.pk}/{rest}"


@pytest.mark.parametrize("kind", ["ecr", "google", "acr", "quay"])
def test_what_the_other_side_needs_is_shown_before_anything_is_typed(
    member: Client, acme: Organization, project: Project, kind: str
) -> None:
    page = member.get(f"{NEW}?kind={kind}").content.decode()

    assert f"https://portal.example/oidc/{acme.uuid}" in page
    assert f"organization:{acme.uuid}:project:{project.uuid}" in page


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_trust_is_added(member: Client, acme: Organization, case: CloudCase) -> None:
    sent = {"host": case.host, "name": "", **case.settings}

    answer = member.post(f"{NEW}?kind={case.kind}", sent)

    trust = Trust.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page_of(trust))
    assert (trust.host, trust.settings, trust.organization) == (case.host, case.settings, acme)
    page = member.get(page_of(trust)).content.decode()
    assert presented(trust, acme.projects.get()).subject in page
    assert "Not used yet" in page
    assert trust.name in member.get(LIST).content.decode()


def test_a_configuration_file_of_google_fills_the_fields(member: Client) -> None:
    file = json.dumps({"type": "external_account", "audience": f"//iam.googleapis.com/{POOL}"})

    upload = SimpleUploadedFile("clientLibraryConfig.json", file.encode())
    member.post(f"{NEW}?kind=google", {"host": "gcr.io", "provider": "", "provider_file": upload})
    assert Trust.objects.get().settings == {"provider": POOL}
    Trust.objects.all().delete()
    member.post(f"{NEW}?kind=google", {"host": CASES["google"].host, "provider": file})

    assert Trust.objects.get().settings == {"provider": POOL}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"robot": ""}, "Enter the robot account"),
        ({"robot": "nobody"}, "namespace+robot"),
        ({"host": "10.0.0.1"}, "may not connect"),
        ({"robot": "ghp_" + "a1B2" * 9}, ""),
        ({"name": "ghp_" + "a1B2" * 9}, ""),
    ],
)
def test_what_is_wrong_is_said_at_its_field(member: Client, changed: dict[str, str], words: str) -> None:
    answer = member.post(f"{NEW}?kind=quay", {"host": "quay.io", "robot": "acme+drayage", "name": "x", **changed})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "a1B2" not in answer.content.decode()
    assert not Trust.objects.exists()


def test_a_second_one_for_the_host_is_said_there(member: Client, acme: Organization) -> None:
    add_trust_of(acme, CASES["quay"])

    answer = member.post(f"{NEW}?kind=quay", {"host": "quay.io", "robot": "acme+drayage"})

    assert answer.status_code == 422
    assert "There is a trust for this registry already" in answer.content.decode()


def test_with_several_projects_one_can_be_chosen(member: Client, acme: Organization) -> None:
    other = acme.projects.create(slug="batch", name="Batch")

    member.post(f"{NEW}?kind=quay", {"host": "quay.io", "robot": "acme+drayage", "project": str(other.pk)})

    trust = Trust.objects.get()
    assert trust.project == other
    page = member.get(page_of(trust)).content.decode()
    assert str(other.uuid) in page
    assert str(acme.projects.get(slug="default").uuid) not in page


def test_its_uses_are_listed(member: Client, acme: Organization, project: Project) -> None:
    trust = add_trust_of(acme, CASES["quay"])
    said = presented(trust, project)
    use = TrustUse(issuer=said.issuer, subject=said.subject, audience=said.audience, jti="5f" * 16)
    use.issued_at = trust.created_at
    made = note_use(trust, use, pull="pull-1", reference="quay.io/shop/web:1.0", group_name="web")
    settle_use(made, "trust_refused")

    page = member.get(page_of(trust)).content.decode()

    assert "5f" * 16 in page
    assert "trust_refused" in page
    assert "web" in page


def test_it_is_renamed_and_removed(member: Client, acme: Organization) -> None:
    trust = add_trust_of(acme, CASES["quay"])

    assert member.post(page_of(trust, "edit/"), {"name": ""}).status_code == 422
    assert member.post(page_of(trust, "edit/"), {"name": "ours"}).status_code == 302
    assert "ours" in member.get(page_of(trust, "remove/")).content.decode()
    assert Trust.objects.get().is_live
    assert member.post(page_of(trust, "remove/"))["Location"] == LIST

    assert not Trust.objects.get().is_live
    page = member.get(page_of(trust)).content.decode()
    assert "Its uses stay" in page
    assert "Check it on an image" not in page
    assert member.get(page_of(trust, "edit/")).status_code == 404
    assert member.post(page_of(trust, "remove/")).status_code == 404
    assert page_of(trust) in member.get("/o/acme/settings/activity/").content.decode()


def test_a_viewer_reads_only(carol: User, acme: Organization, as_user: Any) -> None:
    trust = add_trust_of(acme, CASES["quay"])
    viewer = as_user(carol)

    page = viewer.get(page_of(trust)).content.decode()
    assert trust.name in page
    assert "Remove" not in page
    assert "Check it on an image" not in page
    for address in (NEW, page_of(trust, "edit/"), page_of(trust, "remove/")):
        assert viewer.get(address).status_code == 403
        assert viewer.post(address).status_code == 403


def test_other_organizations_trusts_do_not_exist(member: Client, mallory: User) -> None:
    theirs = add_trust_of(mallory.organizations.get(), CASES["quay"])

    for rest in ("", "edit/", "remove/"):
        assert member.get(page_of(theirs, rest)).status_code == 404
        assert member.post(page_of(theirs, rest)).status_code in {404, 405}
    assert Trust.objects.get().is_live


def test_an_altered_one_and_a_portal_without_https_are_said(
    member: Client, acme: Organization, settings: Settings
) -> None:
    trust = add_trust_of(acme, CASES["quay"])
    Trust.objects.filter(pk=trust.pk).update(settings={"robot": "mallory+robot"})
    settings.PORTAL_PUBLIC_URL = "http://portal.example"

    page = member.get(page_of(trust)).content.decode()

    assert "as it was entered" in page
    assert "PORTAL_PUBLIC_URL" in page
