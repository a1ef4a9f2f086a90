"""Buttons of instances, scaling, and how an ended group reads."""

from __future__ import annotations

from typing import Any

from django.test import Client

from groups.models import ContainerGroup, Instance
from tests.groups.delivery.conftest import _no_calls_before, given, group, image, node, other_node, source
from tests.support.activity import recorded
from tests.support.delivery_setup import NodeInHand
from tests.support.node_reports import listed

__all__ = ["_no_calls_before", "given", "group", "image", "node", "other_node", "source"]
GROUP = "/o/acme/default/groups/app/"


def page(client: Client) -> str:
    response = client.get(GROUP)
    assert response.status_code == 200
    return response.content.decode()


def test_instances_have_the_buttons_that_fit(
    member: Client, viewer: Client, given: dict[str, Any], node: NodeInHand
) -> None:
    base = f"{GROUP}instances/{given['instance']}"
    text = page(member)
    assert f"{base}/reallocate/" in text
    assert f"{base}/restart/" not in text, "it doesn't run"
    assert "can&#x27;t do that now" in member.post(f"{base}/restart/", follow=True).content.decode()
    node.poll(listed(given, "running"))
    text = page(member)
    for act in ("restart", "recreate", "reallocate"):
        assert f"{base}/{act}/" in text
        assert f"{base}/{act}/" not in page(viewer)
    pk = Instance.objects.get().pk
    member.post(f"{base}/restart/")
    assert Instance.objects.get().order == "restart"
    assert "Restarts when its node polls." in page(member)
    member.post(f"{base}/recreate/")
    assert Instance.objects.get().order == "recreate"
    member.post(f"{base}/reallocate/")
    assert Instance.objects.get().node is None
    said = [row[3] for row in recorded(action="group.changed")]
    moved = f"moved the instance {pk} to another node"
    assert said == [f"restarted the instance {pk}", f"recreated the instance {pk}", moved]


def test_scaling_from_the_page(member: Client, group: ContainerGroup) -> None:
    assert member.post(f"{GROUP}scale/", {"replicas": "4"}).status_code == 302
    group.refresh_from_db()
    assert group.replicas == 4
    for wrong in ("501", "-1", "x", ""):
        response = member.post(f"{GROUP}scale/", {"replicas": wrong})
        assert response.status_code == 422
        assert "id_replicas_error" in response.content.decode()
    group.refresh_from_db()
    assert group.replicas == 4


def test_how_an_ended_group_reads(viewer: Client, group: ContainerGroup) -> None:
    for ended, sentence in (
        ({"failed_replicas": 1, "last_exit_code": 3}, "its one replica ended with an error, last with exit code 3"),
        ({"failed_replicas": 1, "succeeded_replicas": 2, "last_exit_code": 7}, "1 of 3 replicas ended with an error"),
        (
            {"failed_replicas": 1, "succeeded_replicas": 1, "status": "running"},
            "0 of 1 running, 2 ended (1 with an error)",
        ),
    ):
        ContainerGroup.objects.update(**ended)
        assert sentence in page(viewer)
