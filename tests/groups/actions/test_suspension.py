"""Suspending an organization ends what is in progress, and lets nothing begin until it is resumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from groups.actions import lifecycle, suspension
from groups.actions.suspension import change_limits, resume, suspend
from groups.delivery import tokens
from groups.delivery.sessions import SessionClosed, open_session
from groups.ingest.claim import claim
from groups.models import ContainerGroup, Image, Instance, Node, NodeManifest, NodeToken, Quota
from groups.nodes.scheduler import assign
from groups.rules.quotas import RefusedWhileSuspended
from groups.rules.states import Stale
from groups.sweep import sweep
from portal.models import Activity
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.support import failing_recorder
from tests.support.action_cases import Case, Cast
from tests.support.action_cases.groups_quota import CASES
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group
from tests.support.quotas import quota_row, set_quota

pytestmark = pytest.mark.usefixtures("no_redis")
IMAGE = "registry.example.com/team/app:1"


def running(project: Any, name: str = "runs") -> tuple[ContainerGroup, NodeToken, str]:
    """A group on a node that is in the middle of its download: with its token and bearer."""
    group = make_group(project, IMAGE, name=name)
    Image.objects.filter(pk=group.image_id).update(status="ready")
    ContainerGroup.objects.filter(pk=group.pk).update(status="deploying")
    node = Node.objects.create(name="node", public_key="the key", cpu=16, memory_mb=60000)
    instance = Instance.objects.create(group=group, node=node, state="downloading")
    manifest = NodeManifest.objects.create(image_id=group.image_id, node=node, digest="sha256:0", body=b"{}")
    secret, token = tokens.mint(instance, manifest)
    session = tokens.redeem(secret, str(node.pk), "127.0.0.1")
    group.refresh_from_db()
    return group, token, session.bearer


def test_all_of_it_ends(acme: Any, project: Any, mallory: Any) -> None:
    group, token, bearer = running(project)
    assert open_session(bearer).pk == token.pk
    credential = make_credential(acme, "registry.example.com")
    pulling = make_group(project, IMAGE, name="pulling", credential=credential)
    queued = make_group(project, IMAGE, name="queued")
    Image.objects.filter(pk=queued.image_id).update(not_before="2126-01-01T00:00:00Z")
    worker = claim(pulling.image_id)
    assert worker is not None
    other = mallory.organizations.get().projects.get()
    bystander, their_token, their_bearer = running(other)
    theirs = make_group(other, IMAGE, name="queued")

    assert suspend(acme.pk, reason="Unpaid since May.", by=CONSOLE)

    group.refresh_from_db()
    assert group.status == "stopped"
    assert group.instances.get().state == "stopping"
    with pytest.raises(SessionClosed):
        open_session(bearer)
    token.refresh_from_db()
    assert token.ended_because == "suspended"
    for pull in (pulling, queued):
        pull.refresh_from_db()
        assert pull.status == "failed"
        assert pull.failures.get().code == "organization_suspended"
        assert "Ask support" in pull.failures.get().words.remedy
    with pytest.raises(Stale), worker.fenced():
        pass
    assert Credential.objects.get().destroyed_because == "settled"
    for row in (bystander, theirs, their_token):
        row.refresh_from_db()
    assert (bystander.status, theirs.status, theirs.image.status) == ("deploying", "pending", "queued")
    assert bystander.instances.get().state == "downloading"
    assert open_session(their_bearer).pk == their_token.pk
    assert quota_row(mallory.organizations.get()).suspended_at is None
    assert not suspend(acme.pk, reason="Twice.", by=CONSOLE)
    assert quota_row(acme).suspended_because == "Unpaid since May."


def test_nothing_begins_until_it_is_resumed(acme: Any, project: Any, mallory: Any) -> None:
    set_quota(mallory.organizations.get(), suspended_at="2026-01-01T00:00:00Z")
    group = make_group(project, IMAGE)
    suspend(acme.pk, reason="Unpaid.", by=CONSOLE)
    group.refresh_from_db()
    attempts: list[Callable[[], object]] = [
        lambda: make_group(project, IMAGE, name="new"),
        lambda: lifecycle.retry(group, credential=None, by=CONSOLE),
    ]
    for attempt in attempts:
        with pytest.raises(RefusedWhileSuspended):
            attempt()
    ContainerGroup.objects.filter(pk=group.pk).update(status="stopped")
    group.refresh_from_db()
    with pytest.raises(RefusedWhileSuspended):
        lifecycle.start(group, by=CONSOLE)

    assert resume(acme.pk, by=CONSOLE)
    assert not resume(acme.pk, by=CONSOLE)
    assert (quota_row(acme).suspended_at, quota_row(acme).suspended_because) == (None, "")
    assert quota_row(mallory.organizations.get()).suspended_at is not None
    group.refresh_from_db()
    assert group.status == "stopped", "nothing starts by itself"
    assert lifecycle.start(group, by=CONSOLE).status == "deploying"


def test_what_slipped_through_is_neither_taken_nor_kept(acme: Any, project: Any, mallory: Any) -> None:
    """As if a pull with autostart had ended in the very moment."""
    group = make_group(project, IMAGE, replicas=2)
    queued = make_group(project, IMAGE, name="queued")
    set_quota(acme, suspended_at="2026-01-01T00:00:00Z")
    Image.objects.filter(pk=group.image_id).update(status="ready")
    ContainerGroup.objects.filter(pk=group.pk).update(status="deploying")
    Instance.objects.create(group=group)
    node = Node.objects.create(name="node", public_key="the key", cpu=16, memory_mb=60000)
    assert assign(node) == []
    assert claim(queued.image_id) is None

    theirs = make_group(mallory.organizations.get().projects.get(), IMAGE)
    ContainerGroup.objects.filter(pk=theirs.pk).update(status="running")

    assert sweep()["suspended_ended"] == 2
    group.refresh_from_db()
    queued.refresh_from_db()
    assert (group.status, queued.status) == ("stopped", "failed")
    theirs.refresh_from_db()
    assert theirs.status == "running"
    assert suspension.sweep() == 0


class TestRecord:
    """What an operator decides is in the organization's activity, or it has not happened."""

    def test_who_suspended_and_resumed(self, acme: Any, olga: Any) -> None:
        suspend(acme.pk, reason="Unpaid.", by=acting(olga))
        suspend(acme.pk, reason="Twice.", by=acting(olga))
        resume(acme.pk, by=acting(olga))
        resume(acme.pk, by=acting(olga))

        assert recorded() == [
            (olga.email, "operator.suspended", "Acme", "Unpaid."),
            (olga.email, "operator.resumed", "Acme", ""),
        ]

    def test_each_limit_in_words(self, acme: Any, mallory: Any) -> None:
        limits = {
            "max_groups": 1, "max_replicas": 2, "max_stored_bytes": 3_000_000, "max_pulls": 4,
            "max_image_bytes": 5_000_000,
        }  # fmt: skip

        assert change_limits(acme.pk, limits, by=CONSOLE)
        assert change_limits(acme.pk, dict.fromkeys(limits), by=CONSOLE)

        assert [row[3] for row in recorded()] == [
            (
                "Container groups: 1, Replicas of all groups: 2, Bytes stored: 3 MB, Pulls at once: 4, "
                "Bytes of an image, compressed: 5 MB"
            ),
            (
                "Container groups: no limit, Replicas of all groups: no limit, Bytes stored: no limit, "
                "Pulls at once: no limit, Bytes of an image, compressed: the portal's"
            ),
        ]
        change_limits(acme.pk, limits, by=CONSOLE)
        other = quota_row(mallory.organizations.get())
        assert [getattr(other, name) for name in limits] == [None] * 5

    def test_limits_from_and_to(self, acme: Any, olga: Any) -> None:
        set_quota(acme, max_groups=3, max_pulls=2)
        changed = {"max_groups": 5, "max_pulls": 2, "max_stored_bytes": 1_500_000_000, "max_image_bytes": None}

        assert change_limits(acme.pk, changed, by=acting(olga))
        assert not change_limits(acme.pk, changed, by=acting(olga))
        assert change_limits(acme.pk, {"max_groups": None}, by=acting(olga))

        quota = quota_row(acme)
        assert (quota.max_groups, quota.max_pulls, quota.max_stored_bytes) == (None, 2, 1_500_000_000)
        assert recorded() == [
            (olga.email, "operator.changed", "limits", "Container groups: 5, Bytes stored: 1.5 GB"),
            (olga.email, "operator.changed", "limits", "Container groups: no limit"),
        ]
        first = Activity.objects.order_by("pk").select_related("text")[0].text
        assert first.before == {"max_groups": 3, "max_stored_bytes": None}
        assert first.after == {"max_groups": 5, "max_stored_bytes": 1_500_000_000}

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.action)
    def test_without_a_record_nothing_changes(
        self, case: Case, alice: Any, bob: Any, carol: Any, mallory: Any, sam: Any, olga: Any, acme: Any, project: Any,
        settings: Any,
    ) -> None:  # fmt: skip
        call = case.prepare(Cast(alice, bob, carol, mallory, sam, olga, acme, project))
        before = [list(model.objects.order_by("pk").values()) for model in (Quota, ContainerGroup, Image)]
        settings.ACTIVITY_RECORDER = failing_recorder.PATH

        with pytest.raises(failing_recorder.RecordingFailed):
            call()

        assert [list(model.objects.order_by("pk").values()) for model in (Quota, ContainerGroup, Image)] == before
