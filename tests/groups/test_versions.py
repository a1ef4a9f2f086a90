"""When a watching page is told something new."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Image, Instance, Layer, Node, NodeToken, PullStep, Redemption
from groups.states import move
from groups.versions import group_version
from tests.groups.progress import MB, add_layers, at_state, fresh, group, make_token, pulling

__all__ = ["group"]


def _step_ends(group: ContainerGroup) -> None:
    PullStep.objects.filter(image=group.image).update(outcome="ok", finished_at=timezone.now())


def _credential_goes(group: ContainerGroup) -> None:
    from registries.actions import destroy

    destroy(group.image.credential_id, because="settled")


def _token_is_redeemed(group: ContainerGroup) -> None:
    NodeToken.objects.filter(group=group).update(redeemed_at=timezone.now(), redeemed_from="192.0.2.1")


def _replay_is_refused(group: ContainerGroup) -> None:
    Redemption.objects.create(token=group.tokens.get(), outcome="refused", reason="replayed")


CHANGES = [
    lambda group: move(fresh(group), to="stopped"),
    lambda group: Layer.objects.filter(image=group.image).update(received=7),
    lambda group: PullStep.objects.create(image=group.image, attempt=1, name="connect"),
    _step_ends,
    _credential_goes,
    lambda group: Image.objects.filter(pk=group.image_id).update(not_before=timezone.now()),
    lambda group: at_state(group, "allocating"),
    lambda group: Instance.objects.filter(group=group).update(progress=40),
    lambda group: Instance.objects.filter(group=group).update(message="Disk full on this node"),
    lambda group: Instance.objects.filter(group=group).delete(),
    lambda group: make_token(group, Node.objects.get(), 2),
    _token_is_redeemed,
    lambda group: NodeToken.objects.filter(group=group).update(manifest_sent_at=timezone.now()),
    lambda group: NodeToken.objects.filter(group=group).update(ended_at=timezone.now(), ended_because="delivered"),
    _replay_is_refused,
    lambda group: group.tokens.get().layer_deliveries.create(digest="sha256:0", sent_bytes=10),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_whatever_the_page_shows_changes_its_version(group: ContainerGroup, number: int) -> None:
    node = Node.objects.create(name="n", public_key="k")
    pulling(group, "resolve")
    add_layers(group, (MB, 0))
    at_state(group, "downloading", node=node)
    make_token(group, node)
    before = group_version(fresh(group), "member")

    assert group_version(fresh(group), "member") == before
    assert group_version(fresh(group), "viewer") != before
    CHANGES[number](group)
    assert group_version(fresh(group), "member") != before


def test_telling_whether_the_page_changed_takes_one_query(
    group: ContainerGroup, django_assert_num_queries: Any
) -> None:
    group = fresh(group)
    with django_assert_num_queries(1):
        group_version(group, "member")
