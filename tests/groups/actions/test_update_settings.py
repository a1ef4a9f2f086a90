"""Changing settings of a group: what is merged, what makes a new version, what is recorded, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.actions.update import GroupChanges, update
from groups.models import ContainerGroup, Image, Instance, Node
from groups.rules.quotas import ReplicaQuotaReached
from groups.rules.sealed_settings import open_environment, open_options
from portal.models import ActivityText
from registries.foundation.actor import CONSOLE
from registries.foundation.refusal import Refusal
from registries.oci.reference import parse
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group
from tests.support.quotas import set_quota

pytestmark = pytest.mark.usefixtures("no_redis")
HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1"
MASKED = "********"
LONG_AGO = timezone.now() - timedelta(days=1)


@pytest.fixture
def other(group: ContainerGroup) -> ContainerGroup:
    """Another group of the project, as the first one was."""
    return make_group(group.project, IMAGE, name="other", environment={"A": "1"}, replicas=1)


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """Running on a node, with settings of every kind."""
    group = make_group(
        project, IMAGE, replicas=1, environment={"A": "1", "B": "2"}, command=["run"],
        options={"priority": "high", "log": {"token": "canary"}, "gpu_classes": ["a100"], "networking": {
            "protocol": "http", "port": 80, "auth": True,
        }},
        gpu="a100",
    )  # fmt: skip
    Image.objects.update(status="ready")
    ContainerGroup.objects.update(status="running", changed_at=LONG_AGO)
    node = Node.objects.create(name="n", public_key="k")
    Instance.objects.create(group=group, node=node, state="running")
    group.refresh_from_db()
    return group


def states(group: ContainerGroup) -> list[str]:
    return sorted(group.instances.values_list("state", flat=True))


def text() -> ActivityText:
    return ActivityText.objects.filter(activity__action="group.changed").order_by("-activity_id")[0]


@pytest.mark.parametrize(("changes", "words", "before", "after"), [
    ({"cpu": 2}, "cpu", {"cpu": 1}, {"cpu": 2}),
    ({"memory_mb": 2048}, "memory_mb", {"memory_mb": 1024}, {"memory_mb": 2048}),
    ({"command": ["walk"]}, "command", {}, {}),
    ({"command": []}, "command", {}, {}),
    ({"environment": {"C": "3"}}, "environment", {}, {"environment": ["C"]}),
    ({"environment": {"A": None, "B": "4"}}, "environment", {}, {"environment": ["A", "B"]}),
    ({"options": {"gpu_classes": ["h100"]}}, "resources", {"gpu_classes": ["a100"]}, {"gpu_classes": ["h100"]}),
    ({"options": {"gpu_classes": None}}, "resources", {"gpu_classes": ["a100"]}, {"gpu_classes": None}),
])  # fmt: skip
def test_what_nodes_run_makes_a_new_version(
    group: ContainerGroup, other: ContainerGroup, alice: Any, changes: dict[str, Any], words: str,
    before: dict[str, Any], after: dict[str, Any],
) -> None:  # fmt: skip
    update(group, GroupChanges(**changes), by=acting(alice))

    row = ContainerGroup.objects.get(pk=group.pk)
    assert (row.version, states(row), row.status) == (2, ["allocating", "stopping"], "deploying")
    assert row.changed_at > LONG_AGO
    for name in ("cpu", "memory_mb", "command"):
        assert getattr(row, name) == changes.get(name, getattr(other, name) if name != "command" else ["run"])
    assert row.gpu == (open_options(row).get("gpu_classes") or [""])[0]
    assert recorded(action="group.changed") == [(alice.email, "group.changed", "app", words)]
    assert (text().before, text().after) == (before, after)
    other.refresh_from_db()
    assert (other.version, open_environment(other)) == (1, {"A": "1"})


@pytest.mark.parametrize(("given", "left"), [
    ({"C": "3"}, {"A": "1", "B": "2", "C": "3"}),
    ({"A": None}, {"B": "2"}),
    ({"A": "7", "Z": None}, {"A": "7", "B": "2"}),
    ({"A": MASKED, "B": "5"}, {"A": "1", "B": "5"}),
    ({"Z": MASKED}, {"A": "1", "B": "2", "Z": MASKED}),
])  # fmt: skip
def test_variables_are_merged(group: ContainerGroup, given: dict[str, str | None], left: dict[str, str]) -> None:
    assert open_environment(update(group, GroupChanges(environment=given), by=CONSOLE)) == left


def test_a_hundred_variables_fit(group: ContainerGroup) -> None:
    given = {f"V{number}": "x" for number in range(98)}
    assert len(open_environment(update(group, GroupChanges(environment=given), by=CONSOLE))) == 100

    with pytest.raises(Refusal, match="at most 100 variables") as refused:
        update(group, GroupChanges(environment={"ONE_MORE": "x"}), by=CONSOLE)
    assert (refused.value.code, refused.value.status, refused.value.field) == (
        "invalid", 400, "container.environment_variables",
    )  # fmt: skip
    update(group, GroupChanges(environment={"ONE_MORE": "x", "A": None}), by=CONSOLE)


@pytest.mark.parametrize(("given", "changed", "words"), [
    ({"priority": "low"}, {"priority": "low"}, "priority"),
    ({"priority": None}, {"priority": None}, "priority"),
    ({"log": {"token": "new"}}, {"log": {"token": "new"}}, "log"),
    ({"log": {"token": MASKED, "host": "h"}}, {"log": {"token": "canary", "host": "h"}}, "log"),
    ({"networking": {"port": 90}}, {"networking": {"protocol": "http", "port": 90, "auth": True}}, "networking"),
    (
        {"networking": {"port": 90, "auth": None}},
        {"networking": {"protocol": "http", "port": 90, "auth": True}}, "networking",
    ),
    ({"networking": {"protocol": "http", "port": 9}}, {"networking": {"protocol": "http", "port": 9}}, "networking"),
    ({"networking": None}, {"networking": None}, "networking"),
    ({"shm_size": 64, "display_name": "App"}, {"shm_size": 64, "display_name": "App"}, "display_name, resources"),
])  # fmt: skip
def test_other_options_leave_what_runs_alone(
    group: ContainerGroup, given: dict[str, Any], changed: dict[str, Any], words: str
) -> None:
    before = open_options(group)

    update(group, GroupChanges(options=given), by=CONSOLE)

    expected = {name: value for name, value in {**before, **changed}.items() if value is not None}
    assert open_options(group) == expected
    assert (group.version, states(group), group.gpu) == (1, ["running"], "a100")
    assert group.changed_at > LONG_AGO
    assert recorded(action="group.changed")[0][3] == words
    assert "canary" not in str(list(ActivityText.objects.values()))
    assert "new" not in str(text().after)


def test_networking_that_is_not_there_is_not_changed(group: ContainerGroup) -> None:
    update(group, GroupChanges(options={"networking": None}), by=CONSOLE)

    with pytest.raises(Refusal) as refused:
        update(group, GroupChanges(options={"networking": {"port": 1}}), by=CONSOLE)

    assert (refused.value.code, refused.value.status, refused.value.field) == ("invalid", 400, "networking")
    assert "networking" not in open_options(group)


@pytest.mark.parametrize("changes", [
    {},
    {"cpu": 1, "memory_mb": 1024, "command": ["run"], "replicas": 1},
    {"environment": {}},
    {"environment": {"A": "1", "B": MASKED, "Z": None}},
    {"options": {"priority": "high", "log": {"token": MASKED}, "display_name": None}},
    {"reference": parse(IMAGE)},
])  # fmt: skip
def test_what_it_has_already_changes_and_records_nothing(group: ContainerGroup, changes: dict[str, Any]) -> None:
    before = ContainerGroup.objects.values().get()

    update(group, GroupChanges(**changes), by=CONSOLE)

    assert ContainerGroup.objects.values().get() == before
    assert states(group) == ["running"]
    assert recorded(action="group.changed") == []
    assert Image.objects.count() == 1


def test_replicas_are_counted_from_what_the_group_has_by_now(group: ContainerGroup, acme: Any) -> None:
    set_quota(acme, max_replicas=3)
    seen = ContainerGroup.objects.get()
    ContainerGroup.objects.update(replicas=2)

    with pytest.raises(ReplicaQuotaReached, match="have 2 replicas together and may have 3; 2 more"):
        update(seen, GroupChanges(replicas=4), by=CONSOLE)
    update(seen, GroupChanges(replicas=3), by=CONSOLE)

    assert (seen.replicas, seen.version, states(seen)) == (3, 1, ["allocating", "allocating", "running"])
    assert recorded(action="group.changed")[0][3] == "replicas 3"
    assert (text().before, text().after) == ({"replicas": 2}, {"replicas": 3})
    set_quota(acme, max_replicas=0)
    assert update(seen, GroupChanges(replicas=0, cpu=2), by=CONSOLE).replicas == 0
    assert recorded(action="group.changed")[-1][3] == "cpu, replicas 0"
    assert states(seen) == ["stopping"]


class TestAnotherImage:
    def test_a_credential_alone_pulls_the_same_image_again(self, group: ContainerGroup, acme: Any, alice: Any) -> None:
        credential = make_credential(acme, HOST)

        update(group, GroupChanges(credential=credential), by=acting(alice))

        assert group.next_image is not None
        assert (group.next_image.reference, group.next_image.credential) == (IMAGE, credential)
        assert (group.image.status, group.version, states(group)) == ("ready", 1, ["running"])
        assert recorded(action="group.changed") == [(alice.email, "group.changed", "app", IMAGE)]
        assert (text().before, text().after) == ({"image": IMAGE}, {"image": IMAGE})

    def test_a_credential_is_not_sent_to_another_registry(self, group: ContainerGroup, acme: Any) -> None:
        credential = make_credential(acme, "elsewhere.example.com")

        for reference in (None, parse(f"{HOST}/team/app:2")):
            with pytest.raises(Refusal) as refused:
                update(group, GroupChanges(credential=credential, reference=reference), by=CONSOLE)
            assert refused.value.code == "wrong_state"
        assert Image.objects.count() == 1

    def test_the_awaited_image_is_not_queued_twice_unless_it_failed(self, group: ContainerGroup) -> None:
        wanted = GroupChanges(reference=parse(f"{HOST}/team/app:2"))
        update(group, wanted, by=CONSOLE)
        first = group.next_image_id
        assert first is not None
        assert update(group, wanted, by=CONSOLE).next_image_id == first

        Image.objects.filter(pk=first).update(status="failed")
        assert update(group, wanted, by=CONSOLE).next_image_id != first
        assert not Image.objects.filter(pk=first).exists()
        assert Image.objects.count() == 2

    def test_going_back_to_the_present_image_is_another_pull_while_one_is_awaited(self, group: ContainerGroup) -> None:
        update(group, GroupChanges(reference=parse(f"{HOST}/team/app:2")), by=CONSOLE)

        update(group, GroupChanges(reference=parse(IMAGE)), by=CONSOLE)

        assert group.next_image is not None
        assert (group.next_image.reference, group.image.reference) == (IMAGE, IMAGE)

    @pytest.mark.parametrize("status", ["pending", "failed"])
    def test_a_group_that_waits_for_its_image_gets_a_new_version(self, group: ContainerGroup, status: str) -> None:
        Instance.objects.all().delete()
        ContainerGroup.objects.update(status=status)
        Image.objects.update(status="queued" if status == "pending" else "failed")

        update(group, GroupChanges(reference=parse(f"{HOST}/team/app:2")), by=CONSOLE)

        assert (group.status, group.version, group.next_image) == ("pending", 2, None)
        assert group.changed_at > LONG_AGO
        assert Image.objects.get() == group.image
