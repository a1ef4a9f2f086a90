"""No list costs more queries because it is longer: each page of members, staff and records, and each list of the API,
with two rows and with thirty. Which there are comes from the URLconf, so that a new one can't be forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from groups.models import (
    ContainerGroup,
    Failure,
    Image,
    Instance,
    Layer,
    LayerDelivery,
    Node,
    NodeToken,
    Occurrence,
    PullStep,
    Redemption,
)
from portal.models import Notice, SupportMessage, SupportRequest
from portal.notifications import webhooks
from portal.organizations.api_keys import create_key
from portal.organizations.invitations import invite
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.support.activity import write_activity
from tests.support.actors import acting
from tests.support.addresses import addresses
from tests.support.admin_rows import Rows, make_rows
from tests.support.pulls import make_credential

pytestmark = pytest.mark.slow

FEW, MANY = 2, 30
MEMBERS, STAFF, PROGRAMS = ("portal", "groups", "registries"), ("desk", "operations"), ("api-public", "api-v1")


class Crowd:
    """Acme, with as many rows of everything as are asked for."""

    def __init__(self, organization: Any, alice: Any) -> None:
        self.organization, self.alice, self.count = organization, alice, 0
        self.webhook, _ = webhooks.add(
            organization, address="https://hooks.acme.example/0", kinds=["group.failed"], by=acting(alice)
        )
        self.first: Rows | None = None

    def grow(self, to: int) -> None:
        for number in range(self.count, to):
            rows = make_rows(self.organization, self.alice, number=number)
            self.first = self.first or rows
            self._of_the_organization(number)
            self._of_the_first_group(number)
        # Those rows hold placeholders that can't be decrypted.
        ContainerGroup.objects.update(environment=None, command=[])
        Image.objects.update(config=None)
        self.count = to

    def _of_the_organization(self, number: int) -> None:
        here, alice = self.organization, self.alice
        create_key(organization_id=here.pk, name=f"key {number}", scope="read", by=acting(alice))
        make_credential(here, f"kept{number}.example", hold="hour", created_by_id=alice.pk)
        invite(here, email=f"guest{number}@acme.example", role="viewer", by=acting(alice))
        write_activity(here.pk, alice, "group.started", f"app-{number}")
        webhooks.add(here, address=f"https://hooks{number}.example/", kinds=["group.failed"], by=acting(alice))
        occurrence = Occurrence.objects.create(organization=here, kind="group.failed", group_name=f"app-{number}")
        Notice.objects.create(occurrence=occurrence, webhook=self.webhook, due_at=timezone.now(), status="sent")

    def _of_the_first_group(self, number: int) -> None:
        """What its own pages list."""
        assert self.first is not None
        group, token, now = self.first[ContainerGroup], self.first[NodeToken], timezone.now()
        node = Node.objects.create(name=f"another-{number}", public_key="-")
        instance = Instance.objects.create(group=group, node=node)
        more = NodeToken.objects.create(
            token_hash=f"more-{number}", organization=self.organization, group=group, group_name=group.name,
            instance=instance, image=group.image, node=node, node_name=node.name, manifest_digest="sha256:" + "c" * 64,
            expires_at=now + timedelta(minutes=15), redeemed_at=now,
        )  # fmt: skip
        for owner in (token, more):
            LayerDelivery.objects.create(token=owner, digest=f"sha256:{number:064x}")
            Redemption.objects.create(token=owner, presented_by="somebody", outcome="refused", reason="replayed")
        Layer.objects.create(
            image=group.image, position=number + 2, media_type="application/vnd.oci.image.layer.v1.tar+gzip",
            digest=f"sha256:{number:064x}", size=10,
        )  # fmt: skip
        PullStep.objects.create(image=group.image, attempt=number + 10, name="layers", outcome="ok")
        SupportMessage.objects.create(
            request=self.first[SupportRequest],
            side="member" if number % 2 else "support",
            author=self.alice,
            text="So?",
        )
        Failure.objects.create(
            organization=self.organization, group=group, group_name=group.name, reference=group.image.reference,
            registry=group.image.registry, provider="self_hosted", step="manifest", code="rate_limited",
        )  # fmt: skip


@pytest.fixture
def crowd(acme: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    monkeypatch.setattr(webhooks, "MAX_WEBHOOKS", 100)
    return Crowd(acme, alice)


@pytest.fixture
def costs(crowd: Crowd, alice: Any, olga: Any, as_user: Any) -> Callable[[str], dict[str, int]]:
    """Return a way to how many queries each list of a kind takes."""
    member, operator = as_user(alice), as_user(olga)
    _, key = create_key(organization_id=crowd.organization.pk, name="the program's", scope="read", by=CONSOLE)

    def count(client: Any, address: str, **more: Any) -> int | None:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address, **more)
            body = answer.getvalue() if answer.streaming else answer.content
        assert answer.status_code in (200, 302, 403, 404, 405), (address, body)
        return len(queries) if answer.status_code == 200 else None

    def all_of(kind: str) -> dict[str, int]:
        counted = {
            "members": lambda: {name: count(member, url) for name, url in _urls(crowd, MEMBERS)},
            "staff": lambda: {name: count(operator, url) for name, url in _urls(crowd, STAFF)},
            "programs": lambda: {
                name: count(member, url, headers={"Salad-Api-Key": key}) for name, url in _urls(crowd, PROGRAMS)
            },
            "records": lambda: {name: count(operator, url) for name, url in _records(crowd)},
        }[kind]()
        return {name: count for name, count in counted.items() if count is not None}

    return all_of


def _urls(crowd: Crowd, namespaces: tuple[str, ...]) -> list[tuple[str, str]]:
    """The addresses below these namespaces in which nothing else varies than what the crowd has."""
    assert crowd.first is not None
    group = crowd.first[ContainerGroup].name
    values = {
        "org": "acme", "organization_name": "acme", "project": "default", "project_name": "default", "name": group,
        "container_group_name": group, "webhook": crowd.webhook.pk, "webhook_id": crowd.webhook.pk,
        "credential": crowd.first[Credential].pk, "failure": crowd.first[Failure].pk,
        "asked": crowd.first[SupportRequest].pk, "what": "request", "pk": crowd.first[SupportRequest].pk,
    }  # fmt: skip
    return [
        (address.name, reverse(address.name, kwargs={part: values[part] for part in address.varies}))
        for address in addresses().values()
        if address.name.startswith(tuple(f"{space}:" for space in namespaces)) and set(address.varies) <= set(values)
    ]


def _records(crowd: Crowd) -> list[tuple[str, str]]:
    """Every list of records in the admin, and one record of each."""
    assert crowd.first is not None
    found = []
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append((f"{name}_changelist", reverse(f"{name}_changelist")))
        if model in crowd.first.by_model:
            found.append((f"{name}_change", reverse(f"{name}_change", args=[crowd.first[model].pk])))
    return found


@pytest.mark.parametrize(("kind", "least"), [("members", 19), ("staff", 5), ("programs", 9), ("records", 25)])
def test_a_list_costs_the_same_with_two_rows_and_with_thirty(
    crowd: Crowd, costs: Callable[[str], dict[str, int]], kind: str, least: int
) -> None:
    with time_machine.travel(timezone.now(), tick=False):  # a view is recorded again after a minute
        crowd.grow(FEW)
        costs(kind)  # content types are cached from here on
        few = costs(kind)
        crowd.grow(MANY)
        many = costs(kind)
    assert len(few) >= least
    assert {name: (few.get(name), cost) for name, cost in many.items() if cost != few.get(name)} == {}
