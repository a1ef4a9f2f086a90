"""What a receipt says of a credential whose pull has failed for another reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.models import Image
from groups.templatetags.kept_credential import failed_pull_of
from portal.models import Project
from registries.credential_rows import empty_credential
from registries.models import Credential
from tests.support.group_pages import text_of
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"


@pytest.fixture
def credential(project: Project) -> Credential:
    """Of a pull that has failed and keeps it."""
    made = make_credential(project.organization, HOST)
    make_group(project, f"{HOST}/team/app:1.0", credential=made)
    Image.objects.update(status="failed", keeps_credential=True)
    return made


def test_the_receipt_says_until_when_and_why(member: Client, credential: Credential) -> None:
    text = text_of(member.get(reverse("registries:detail", args=["acme", credential.pk])))
    assert "at the latest" in text
    assert "failed, and not because of this credential: it is kept to try again." in text
    assert "Destroy the credential" in text, "a member can end it now"


def test_nothing_is_said_of_one_that_is_gone_or_in_use(credential: Credential, django_assert_num_queries: Any) -> None:
    assert failed_pull_of(credential) == Image.objects.get()
    Image.objects.update(status="queued", keeps_credential=False)
    assert failed_pull_of(credential) is None
    empty_credential(credential.pk, reason="removed")
    credential.refresh_from_db()
    with django_assert_num_queries(0):
        assert failed_pull_of(credential) is None
