"""One object of each kind at an organization, each in a state in which whatever may be done with it can be done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from groups.actions.checks import start_check
from groups.models import ContainerGroup, Failure, Instance, NodeToken
from portal.accounts.sso.organization_actions import NewClient, add_domain, set_provider
from portal.models import Notice, Organization, User
from portal.notifications.webhooks import add
from portal.notifications.webhooks import test as send_test
from portal.organizations.api_keys import create_key
from portal.organizations.invitations import invite
from portal.support import conversations
from registries.actions import destroy
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from registries.trusts.actions import NewTrust, add_trust
from tests.support.actors import acting
from tests.support.delivery_setup import make_node
from tests.support.pulls import make_credential, make_group

State = dict[str, str]


def one_of_each(organization: Organization, owner: User, member: User) -> dict[str, State]:
    """Make them. Returns the arguments of addresses by the URL names' first part (`groups:start`'s is `groups`), and
    for single URL names what differs there."""
    credential = make_credential(organization, "registry.example.com")
    receipt = make_credential(organization, "registry.example.com")
    destroy(receipt, reason=Credential.DestructionReason.REMOVED, by=acting(owner))
    quay = NewTrust(name="Quay", provider="quay", host="quay.io", settings={"robot": "acme+drayage"})
    trust = add_trust(quay, organization_id=organization.pk, by=acting(owner))
    project = organization.projects.get()
    made = {status: _group(project, status) for status in ContainerGroup.Status.values}
    pending, running, failed = made["pending"], made["running"], made["failed"]
    node = make_node()
    instance = Instance.objects.create(group=running, node=node.row, state="running")
    token = NodeToken.objects.create(
        organization=organization,
        group=running,
        group_name=running.name,
        node_name="node-1",
        expires_at=timezone.now() + timedelta(hours=1),
    )
    failure = Failure.objects.create(
        organization=organization,
        group=failed,
        group_name=failed.name,
        reference="x",
        registry="x",
        step="connect",
        code="x",
    )
    checked = start_check(
        organization_id=organization.pk,
        reference=parse("registry.example.com/team/app"),
        credential=None,
        by=CONSOLE,
    )
    invited, _ = invite(organization, email="nina@acme.example", role="member", by=acting(owner))
    asked = conversations.ask(organization, by=acting(owner), kind="failure", failure=failure, message="Why?")
    shared = conversations.ask(
        organization, by=acting(owner), kind="failure", failure=failure, message="Look.", shares=True
    )
    key, _ = create_key(organization_id=organization.pk, name="ci", scope="read", by=acting(owner))
    ownerless, _ = create_key(organization_id=organization.pk, name="old", scope="read", by=CONSOLE)
    hook, _ = add(organization, address="https://hooks.example.com/", kinds=["group.failed"], by=acting(owner))
    notice = send_test(hook, by=acting(owner))
    assert notice is not None
    Notice.objects.filter(pk=notice.pk).update(status=Notice.Status.FAILED)
    own = {"org": organization.slug, "project": project.slug, "kind": "self_hosted"}
    return {
        "registries": own | {"credential": str(credential.pk), "trust": str(trust.pk)},
        "groups": own
        | {"name": pending.name, "check": str(checked.pk), "failure": str(failure.pk)}
        | {"instance": str(instance.pk), "token": str(token.pk)},
        "sso": own | {"domain": str(_single_sign_on(organization, owner))},
        "portal": own
        | {"member": str(organization.memberships.get(user=member).pk), "invitation": str(invited.pk)}
        | {"webhook": str(hook.pk), "notice": str(notice.pk)}
        | {"key": str(key.pk), "asked": str(asked.pk)},
        "registries:erase": {"credential": str(receipt.pk)},
        "groups:start": {"name": made["stopped"].name},
        "groups:retry": {"name": failed.name},
        "groups:failure": {"name": failed.name},
        "groups:stop": {"name": running.name},
        "groups:instance_restart": {"name": running.name},
        "groups:instance_recreate": {"name": running.name},
        "groups:instance_reallocate": {"name": running.name},
        "groups:ledger": {"name": running.name},
        "groups:token_revoke": {"name": running.name},
        "portal:api_key_take_over": {"key": str(ownerless.pk)},
        "portal:conversation_unshare": {"asked": str(shared.pk)},
    }


def _single_sign_on(organization: Organization, owner: User) -> object:
    """A provider and a domain; the domain's id."""
    client = NewClient("https://login.example.com", "drayage", "a secret")
    set_provider(organization, client, by=acting(owner))
    return add_domain(organization, name="acme.example", by=acting(owner)).pk


def _group(project: Any, status: str) -> ContainerGroup:
    group = make_group(project, "registry.example.com/team/app:1", name=status)
    image = {"pending": "queued", "failed": "failed"}.get(status, "ready")
    group.image.__class__.objects.filter(pk=group.image_id).update(status=image)
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    return group
