"""ETags of watched pages: whatever a page shows changes its ETag, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import Blob, ContainerGroup, Image, Instance, Layer, Node, NodeToken, PullStep, Redemption
from groups.queries.etags import group_version, organization_version, project_version
from groups.rules.states import move
from registries.models import Credential
from tests.support.group_progress import HOST, MB, add_layers, at_state, fresh, group, make_token, pulling
from tests.support.pulls import make_blob, make_credential, make_group

__all__ = ["group"]


def _step_ends(group: ContainerGroup) -> None:
    PullStep.objects.filter(image=group.image).update(outcome="ok", finished_at=timezone.now())


def _credential_goes(group: ContainerGroup) -> None:
    from registries.credential_rows import empty_credential

    assert group.image.credential_id is not None
    empty_credential(group.image.credential_id, reason="settled")


def _token_is_redeemed(group: ContainerGroup) -> None:
    NodeToken.objects.filter(group=group).update(redeemed_at=timezone.now(), redeemed_from="192.0.2.1")


def _replay_is_refused(group: ContainerGroup) -> None:
    Redemption.objects.create(token=group.tokens.all()[0], outcome="refused", reason="replayed")


CHANGES: list[Callable[[ContainerGroup], object]] = [
    lambda group: move(fresh(group), to="stopped"),
    lambda group: Layer.objects.filter(image=group.image).update(received=7),
    lambda group: PullStep.objects.create(image=group.image, attempt=1, name="connect"),
    _step_ends,
    _credential_goes,
    lambda group: Image.objects.filter(pk=group.image_id).update(not_before=timezone.now()),
    lambda group: at_state(group, "allocating"),
    lambda group: Instance.objects.filter(group=group).update(progress=40),
    lambda group: Instance.objects.filter(group=group).update(message="Disk full on this node"),
    lambda group: Instance.objects.filter(group=group).update(message="Exit code 2"),
    lambda group: Instance.objects.filter(group=group).delete(),
    lambda group: make_token(group, Node.objects.get(), 2),
    _token_is_redeemed,
    lambda group: NodeToken.objects.filter(group=group).update(manifest_sent_at=timezone.now()),
    lambda group: NodeToken.objects.filter(group=group).update(ended_at=timezone.now(), ended_because="delivered"),
    _replay_is_refused,
    lambda group: group.tokens.all()[0].layer_deliveries.create(digest="sha256:0", sent_bytes=10),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_whatever_the_page_shows_changes_its_version(group: ContainerGroup, number: int) -> None:
    node = Node.objects.create(name="n", public_key="k")
    pulling(group, "resolve")
    add_layers(group, (MB, 0))
    at_state(group, "downloading", node=node)
    Instance.objects.filter(group=group).update(message="Exit code 1")
    make_token(group, node)
    before = group_version(group.project_id, group.name, "member")

    assert group_version(group.project_id, group.name, "member") == before
    assert group_version(group.project_id, group.name, "viewer") != before
    CHANGES[number](group)
    assert group_version(group.project_id, group.name, "member") != before


def test_the_etag_takes_one_query(group: ContainerGroup, django_assert_num_queries: Any) -> None:
    group = fresh(group)
    with django_assert_num_queries(1):
        group_version(group.project_id, group.name, "member")


def _image(**values: Any) -> Callable[[ContainerGroup], object]:
    return lambda group: Image.objects.filter(pk=group.image_id).update(**values)


def _group(**values: Any) -> Callable[[ContainerGroup], object]:
    return lambda group: ContainerGroup.objects.filter(pk=group.pk).update(**values)


def _delete(group: ContainerGroup) -> None:
    group.delete()


IN_A_ROW: list[Callable[[ContainerGroup], object]] = [
    lambda group: make_group(group.project, f"{HOST}/team/app:1.0", name="another"),
    _delete,
    lambda group: move(group, to="failed"),
    _group(replicas=7),
    _group(version=2),
    _group(changed_at=timezone.now() + timedelta(seconds=1)),
    _image(status="pulling"),
    _image(digest="sha256:1"),
    _image(total_bytes=5),
    _image(attempt=2),
    _image(not_before=timezone.now()),
    lambda group: Instance.objects.create(group=group),
    lambda group: Instance.objects.filter(group=group).update(state="running"),
    lambda group: Instance.objects.filter(group=group).delete(),
]
AT_A_GLANCE: list[Callable[[ContainerGroup], object]] = [
    _image(status="ready"),
    lambda group: make_blob(group.organization, size=5),
    lambda group: Blob.objects.update(unused_since=timezone.now()),
    lambda group: make_credential(group.organization, HOST),
]


@pytest.mark.parametrize("number", range(len(IN_A_ROW)))
def test_whatever_a_row_shows_changes_the_marks_of_lists(group: ContainerGroup, number: int) -> None:
    at_state(group, "downloading")
    before = project_version(group.project_id)
    of_all = organization_version(group.organization_id)

    assert project_version(group.project_id) == before
    IN_A_ROW[number](group)
    assert project_version(group.project_id) != before
    assert organization_version(group.organization_id) != of_all


@pytest.mark.parametrize("number", range(len(AT_A_GLANCE)))
def test_whatever_the_overview_counts_changes_its_mark(group: ContainerGroup, number: int) -> None:
    make_blob(group.organization, size=5)
    before = organization_version(group.organization_id)

    assert organization_version(group.organization_id) == before
    assert organization_version(group.organization_id, "viewer") != before
    AT_A_GLANCE[number](group)
    assert organization_version(group.organization_id) != before


def test_a_credential_that_is_overdue_counts_no_more(group: ContainerGroup) -> None:
    credential = make_credential(group.organization, HOST)
    before = organization_version(group.organization_id)
    Credential.objects.filter(pk=credential.pk).update(deadline=timezone.now() - timedelta(seconds=1))

    assert organization_version(group.organization_id) != before


@pytest.mark.parametrize("where", ["another organization", "another group"])
def test_what_others_do_changes_nothing(group: ContainerGroup, mallory: Any, where: str) -> None:
    """Neither anything elsewhere changes a list, nor anything of another group the page of a group that doesn't wait in
    the queue."""
    if where == "another group":
        Image.objects.filter(pk=group.image_id).update(status="ready")
    project = group.project if where == "another group" else mallory.organizations.get().projects.get()

    def versions() -> tuple[str | None, ...]:
        own = group_version(group.project_id, group.name, "member")
        if where == "another group":
            return (own,)
        return own, project_version(group.project_id), organization_version(group.organization_id)

    before = versions()
    credential = make_credential(project.organization, HOST)
    other = make_group(project, f"{HOST}/team/app:1.0", name="theirs", credential=credential)
    pulling(other, "resolve")
    add_layers(other, (MB, 0))
    node = Node.objects.create(name="n", public_key="k")
    at_state(other, "downloading", node=node)
    make_token(other, node)
    make_blob(project.organization, image=other.image)
    assert versions() == before
    for change in CHANGES[1:]:
        change(other)
        assert versions() == before


def test_the_place_in_the_queue_changes_the_version(group: ContainerGroup) -> None:
    versions = [group_version(group.project_id, group.name)]
    other = make_group(group.project, f"{HOST}/team/app:1.0", name="other")
    for status in ("queued", "pulling", "ready"):
        Image.objects.filter(pk=other.image_id).update(status=status)
        versions.append(group_version(group.project_id, group.name))
    Image.objects.filter(pk=group.image_id).update(yielded_at=timezone.now())
    versions.append(group_version(group.project_id, group.name))

    assert versions[0] == versions[3]
    assert len(set(versions)) == 4


def test_a_group_that_is_not_there_has_no_version(group: ContainerGroup, mallory: Any) -> None:
    elsewhere = mallory.organizations.get().projects.get()

    assert group_version(group.project_id, "nothing") is None
    assert group_version(elsewhere.pk, group.name) is None
