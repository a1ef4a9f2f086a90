"""Cases of the actions on groups, their instances, images, checks and tokens, and on nodes."""

from __future__ import annotations

from functools import partial

from django.utils import timezone

from groups.actions import lifecycle
from groups.actions import tokens as token_actions
from groups.actions.checks import start_check
from groups.actions.update import GroupChanges, update
from groups.delivery import tokens
from groups.ingest.claim import claim
from groups.models import ContainerGroup, Image, Instance, Node, NodeManifest, NodeToken
from groups.nodes import drain, enrolment, instance_orders, liveness, vouching
from registries.credential_rows import NewCredential
from registries.foundation.actor import CONSOLE, PORTAL, Actor, ActorKind
from registries.oci.reference import parse
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting
from tests.support.delivery_setup import NodeInHand, ec_key, next_key_proof, private_pem, public_pem
from tests.support.pulls import SECRET, USER, make_credential, make_group

HOST = "registry.example.com"
IMAGE = parse(f"{HOST}/team/app:1")
MACHINE = Actor(kind=ActorKind.NODE, name="", address="192.0.2.7")


def _typed() -> NewCredential:
    return NewCredential(provider="self_hosted", name="typed", host=HOST, values={"username": USER, "password": SECRET})


def _group(cast: Cast, status: str = "pending", *, credential: bool = False) -> ContainerGroup:
    """A group of two replicas; its image's pull is where it is for that status."""
    kept = make_credential(cast.acme, HOST) if credential else None
    group = make_group(cast.project, str(IMAGE), credential=kept, replicas=2)
    pull = {"pending": "queued", "failed": "failed"}.get(status, "ready")
    Image.objects.filter(pk=group.image_id).update(status=pull)
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    return ContainerGroup.objects.get(pk=group.pk)


def _node(**values: object) -> Node:
    return Node.objects.create(name="node-1", public_key=public_pem(ec_key()), cpu=16, memory_mb=60_000, **values)


def _instance(cast: Cast, state: str = "running") -> Instance:
    instance: Instance = Instance.objects.create(group=_group(cast, "running"), node=_node(), state=state)
    return instance


def _downloading(cast: Cast) -> tuple[NodeToken, Instance, Node]:
    """An instance on its node, with the token that the node got for it."""
    instance = _instance(cast, "downloading")
    node = Node.objects.get()
    manifest = NodeManifest.objects.create(image_id=instance.group.image_id, node=node, digest="sha256:0", body=b"{}")
    return tokens.mint(instance, manifest)[1], instance, node


def _create(cast: Cast) -> Call:
    return partial(
        lifecycle.create,
        organization_id=cast.acme.pk,
        project_id=cast.project.pk,
        name="web",
        reference=IMAGE,
        credential=_typed(),
        by=acting(cast.alice),
    )


def _retry(cast: Cast) -> Call:
    return partial(lifecycle.retry, _group(cast, "failed"), credential=_typed(), by=acting(cast.bob))


def _start(cast: Cast) -> Call:
    return partial(lifecycle.start, _group(cast, "stopped"), by=acting(cast.bob))


def _stop(cast: Cast) -> Call:
    return partial(lifecycle.stop, _instance(cast).group, by=acting(cast.bob))


def _scale(cast: Cast) -> Call:
    return partial(lifecycle.scale, _group(cast, "running"), 5, by=acting(cast.bob))


def _delete(cast: Cast) -> Call:
    return partial(lifecycle.delete, _group(cast, credential=True), by=acting(cast.bob))


def _requeue_waiting(cast: Cast) -> Call:
    image = _group(cast).image
    Image.objects.filter(pk=image.pk).update(not_before=timezone.now())
    return partial(lifecycle.requeue, image, by=CONSOLE)


def _requeue_claimed(cast: Cast) -> Call:
    claimed = claim(_group(cast).image_id)
    assert claimed is not None
    return partial(lifecycle.requeue, claimed.image, by=CONSOLE)


def _requeue_failed(cast: Cast) -> Call:
    return partial(lifecycle.requeue, _group(cast, "failed").image, by=CONSOLE)


def _update_settings(cast: Cast) -> Call:
    changes = GroupChanges(options={"display_name": "Web"}, environment={"A": "1"}, cpu=2, replicas=3)
    return partial(update, _group(cast, "running"), changes, by=acting(cast.bob))


def _update_image(cast: Cast) -> Call:
    changes = GroupChanges(reference=parse(f"{HOST}/team/app:2"), credential=_typed())
    return partial(update, _group(cast, credential=True), changes, by=acting(cast.bob))


def _restart(cast: Cast) -> Call:
    return partial(instance_orders.restart, _instance(cast), by=acting(cast.bob))


def _recreate(cast: Cast) -> Call:
    return partial(instance_orders.recreate, _instance(cast), by=acting(cast.bob))


def _reallocate(cast: Cast) -> Call:
    _, instance, _ = _downloading(cast)
    return partial(instance_orders.reallocate, instance, by=acting(cast.bob))


def _set_deletion_cost(cast: Cast) -> Call:
    return partial(instance_orders.set_deletion_cost, _instance(cast), 7, by=acting(cast.bob))


def _revoke(cast: Cast) -> Call:
    token, _, _ = _downloading(cast)
    return partial(token_actions.revoke, token, by=acting(cast.bob))


def _check(cast: Cast) -> Call:
    return partial(start_check, organization_id=cast.acme.pk, reference=IMAGE, credential=_typed(), by=acting(cast.bob))


def _cordon(cast: Cast) -> Call:
    return partial(drain.cordon, _node(), by=CONSOLE)


def _uncordon(cast: Cast) -> Call:
    return partial(drain.uncordon, _node(status="cordoned"), by=CONSOLE)


def _drain(cast: Cast) -> Call:
    return partial(drain.drain, _node(), by=CONSOLE)


def _remove(cast: Cast) -> Call:
    _, _, node = _downloading(cast)
    return partial(liveness.remove, node, by=CONSOLE)


def _create_enrolment(cast: Cast) -> Call:
    return partial(enrolment.create_enrolment, "node-2", by=acting(cast.olga))


def _create_replacement(cast: Cast) -> Call:
    node = _node()
    enrolment.create_replacement(node, by=acting(cast.olga))
    return partial(enrolment.create_replacement, node, by=acting(cast.olga))


def _enrol(cast: Cast) -> Call:
    code, _ = enrolment.create_enrolment("node-2", by=acting(cast.olga))
    return partial(enrolment.enrol, code, "node-2", public_pem(ec_key()), by=MACHINE)


def _enrol_again(cast: Cast) -> Call:
    code, _ = enrolment.create_replacement(_node(), by=acting(cast.olga))
    return partial(enrolment.enrol, code, "node-1", public_pem(ec_key()), by=MACHINE)


def _replace_key(cast: Cast) -> Call:
    _, _, node = _downloading(cast)
    key, following = ec_key(), public_pem(ec_key())
    Node.objects.filter(pk=node.pk).update(public_key=public_pem(key))
    node.refresh_from_db()
    by = Actor(kind=ActorKind.NODE, id=str(node.pk), name=node.name)
    proof = next_key_proof(NodeInHand(node, private_pem(key)), following)
    return partial(enrolment.replace_key, node, following, proof=proof, by=by)


def _refuse_key(cast: Cast) -> Call:
    return partial(vouching.refuse_key, _node(), reason="neither a code nor the previous key names it", by=PORTAL)


CASES = [
    Case("groups.actions.lifecycle.create", _create),
    Case("groups.actions.lifecycle.retry", _retry),
    Case("groups.actions.lifecycle.start", _start),
    Case("groups.actions.lifecycle.stop", _stop),
    Case("groups.actions.lifecycle.scale", _scale),
    Case("groups.actions.lifecycle.delete", _delete),
    Case("groups.actions.lifecycle.requeue", _requeue_waiting),
    Case("groups.actions.lifecycle.requeue", _requeue_claimed),
    Case("groups.actions.lifecycle.requeue", _requeue_failed),
    Case("groups.actions.update.update", _update_settings),
    Case("groups.actions.update.update", _update_image),
    Case("groups.nodes.instance_orders.restart", _restart),
    Case("groups.nodes.instance_orders.recreate", _recreate),
    Case("groups.nodes.instance_orders.reallocate", _reallocate),
    Case("groups.nodes.instance_orders.set_deletion_cost", _set_deletion_cost),
    Case("groups.actions.tokens.revoke", _revoke),
    Case("groups.actions.checks.start_check", _check),
    Case("groups.nodes.drain.cordon", _cordon),
    Case("groups.nodes.drain.uncordon", _uncordon),
    Case("groups.nodes.drain.drain", _drain),
    Case("groups.nodes.liveness.remove", _remove),
    Case("groups.nodes.enrolment.create_enrolment", _create_enrolment),
    Case("groups.nodes.enrolment.create_replacement", _create_replacement),
    Case("groups.nodes.enrolment.enrol", _enrol),
    Case("groups.nodes.enrolment.enrol", _enrol_again),
    Case("groups.nodes.enrolment.replace_key", _replace_key),
    Case("groups.nodes.vouching.refuse_key", _refuse_key),
]
