"""What a credential's page shows of the images that were pulled with it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from groups.models import ContainerGroup
from groups.templatetags.credential_images import MAX_IMAGES
from portal.models import Project
from registries.models import Credential
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"
HEADING = "Pulls that asked for it"


@pytest.fixture
def credential(project: Project) -> Credential:
    return make_credential(project.organization, HOST)


def receipt(credential: Credential) -> str:
    return reverse("registries:detail", args=["acme", credential.pk])


def test_nothing_before_the_first_pull(member: Client, credential: Credential) -> None:
    assert HEADING not in member.get(receipt(credential)).text


def test_each_image_leads_to_its_groups(member: Client, project: Project, credential: Credential) -> None:
    make_group(project, f"{HOST}/team/app:1.0", credential=credential, name="web")
    make_group(project, f"{HOST}/team/other:2.0", credential=None, name="other")

    page = member.get(receipt(credential)).text

    assert HEADING in page
    assert "team/app:1.0" in page
    assert reverse("groups:detail", args=["acme", "default", "web"]) in page
    assert "team/other" not in page


def test_an_image_that_no_group_uses_any_more(member: Client, project: Project, credential: Credential) -> None:
    group = make_group(project, f"{HOST}/team/app:1.0", credential=credential, name="web")
    other = make_group(project, f"{HOST}/team/app:1.1", credential=None, name="other")
    ContainerGroup.objects.filter(pk=group.pk).update(image=other.image)

    assert "Replaced by a later try" in member.get(receipt(credential)).text


def test_as_many_queries_for_many_as_for_one(member: Client, project: Project, credential: Credential) -> None:
    def ask() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert HEADING in member.get(receipt(credential)).text
        return len(queries)

    make_group(project, f"{HOST}/team/app:0", credential=credential, name="web")
    member.get(receipt(credential))
    for_one = ask()
    for number in range(1, 6):
        make_group(project, f"{HOST}/team/app:{number}", credential=credential, name=f"web-{number}")

    assert ask() == for_one


def test_the_newest_and_no_more_than_a_page(member: Client, project: Project, credential: Credential) -> None:
    for number in range(MAX_IMAGES + 1):
        make_group(project, f"{HOST}/team/app:v{number}", credential=credential, name=f"web-{number}")

    page = member.get(receipt(credential)).text

    assert page.count("<tr>") == MAX_IMAGES + 1  # the heading is one
    assert f"team/app:v{MAX_IMAGES}" in page
    assert "team/app:v0<" not in page
