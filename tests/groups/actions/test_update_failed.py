"""An update whose pull failed keeps its credential as a failed creation does, and is tried again in the same ways,
while the group runs on with its present image."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from groups.actions import lifecycle
from groups.actions.update import GroupChanges, update
from groups.ingest import outcome
from groups.ingest.claim import claim
from groups.ingest.credential_hold import destroy_settled, stop_keeping
from groups.models import ContainerGroup, Failure, Image
from groups.rules.states import Stale, move
from portal.models import Activity
from registries.failures import AuthenticationFailed, ImageNotFound, PullFailed, TlsInvalid
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.group_pages import at, text_of
from tests.support.pulls import make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
HOST = "registry.example.com"
OLD, NEW = f"{HOST}/team/app:1", f"{HOST}/team/app:2"


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """Running with its image, which needed no credential."""
    group = make_group(project, OLD, name="web")
    Image.objects.update(status="ready")
    move(group, to="stopped")
    return lifecycle.start(group, by=CONSOLE)


@pytest.fixture
def credential(group: ContainerGroup) -> Credential:
    return make_credential(group.organization, HOST)


def fail_update(group: ContainerGroup, credential: Credential, failure: PullFailed | None = None) -> Image:
    """Send another image, whose pull fails: it was not pushed yet."""
    update(group, GroupChanges(reference=parse(NEW), credential=credential), by=CONSOLE)
    assert group.next_image_id is not None
    held = claim(group.next_image_id)
    assert held is not None
    outcome.fail(held, failure or ImageNotFound(host=HOST, repository="team/app", version="2"), step="manifest")
    for row in (group, credential):
        row.refresh_from_db()
    return Image.objects.get(pk=group.next_image_id)


def test_it_keeps_the_credential_until_its_deadline(group: ContainerGroup, credential: Credential) -> None:
    image = fail_update(group, credential)

    assert (image.status, image.keeps_credential, group.failed_image) == ("failed", True, image)
    assert (group.status, group.image.reference) == ("deploying", OLD)
    assert (credential.is_live, destroy_settled()) == (True, 0)
    assert Activity.objects.filter(action="credential.kept").count() == 1
    detail = image.steps.get(name="destroy").detail
    assert detail.startswith("Not yet: it is not what failed, and is kept to try again")


def test_one_that_was_refused_is_destroyed(group: ContainerGroup, credential: Credential) -> None:
    image = fail_update(group, credential, AuthenticationFailed(host=HOST))
    assert not credential.is_held
    assert not image.keeps_credential


def test_sending_the_same_image_again_uses_it(group: ContainerGroup, credential: Credential) -> None:
    failed = fail_update(group, credential)

    update(group, GroupChanges(reference=parse(NEW)), by=CONSOLE)

    assert group.next_image is not None
    assert (group.next_image.status, group.next_image.credential) == ("queued", credential)
    assert not Image.objects.filter(pk=failed.pk).exists()
    credential.refresh_from_db()
    assert credential.is_live


def test_another_image_does_not_use_it(group: ContainerGroup, credential: Credential) -> None:
    fail_update(group, credential)

    update(group, GroupChanges(reference=parse(f"{HOST}/team/app:3")), by=CONSOLE)

    assert group.next_image is not None
    assert group.next_image.credential is None
    credential.refresh_from_db()
    assert not credential.is_held


def test_the_same_image_of_a_failed_group_uses_what_is_kept(project: Any) -> None:
    credential = make_credential(project.organization, HOST)
    group = make_group(project, OLD, credential=credential)
    held = claim(group.image_id)
    assert held is not None
    outcome.fail(held, TlsInvalid(host=HOST, case="expired"), step="connect")
    group.refresh_from_db()

    update(group, GroupChanges(reference=parse(OLD)), by=CONSOLE)

    assert (group.status, group.image.credential) == ("pending", credential)


@pytest.mark.parametrize("where", ["detail", "failure"])
def test_it_is_tried_again_with_one_click(
    member: Client, viewer: Client, group: ContainerGroup, credential: Credential, where: str
) -> None:
    fail_update(group, credential)
    address = at(group, where, *([Failure.objects.get().pk] if where == "failure" else []))

    page = member.get(address)

    assert f'name="use" value="{credential.pk}"' in page.content.decode()
    assert f"{credential.name} is not what failed" in text_of(page)
    assert "Try again" not in text_of(viewer.get(address))

    member.post(at(group, "retry"), {"use": str(credential.pk)})

    group.refresh_from_db()
    assert group.next_image is not None
    assert (group.status, group.image.reference) == ("deploying", OLD)
    assert (group.next_image.status, group.next_image.reference) == ("queued", NEW)
    assert group.next_image.credential == credential


def test_it_is_tried_again_without_a_credential(group: ContainerGroup, credential: Credential) -> None:
    fail_update(group, credential)
    lifecycle.retry(group, credential=None, by=CONSOLE)
    credential.refresh_from_db()
    assert not credential.is_held
    with pytest.raises(Stale):
        lifecycle.retry(group, credential=None, by=CONSOLE)  # the pull has begun


def test_an_operator_tries_it_again(group: ContainerGroup, credential: Credential) -> None:
    failed = fail_update(group, credential)
    assert lifecycle.requeue(failed, by=CONSOLE)
    group.refresh_from_db()
    assert group.next_image is not None
    assert (group.next_image.status, group.next_image.credential) == ("queued", credential)


@pytest.mark.parametrize("end", ["delete", "suspend"])
def test_what_ends_it(group: ContainerGroup, credential: Credential, end: str) -> None:
    fail_update(group, credential)
    if end == "delete":
        lifecycle.delete(group, by=CONSOLE)
    else:
        assert stop_keeping(group.organization_id) == 1
    credential.refresh_from_db()
    assert not credential.is_held
