"""What workers and people do in a portal of delivery tests: the far end of `tests.interop.delivery_portal.Portal`."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from registries.foundation.actor import CONSOLE
from tests.support.helper_process import Calls, serve

if TYPE_CHECKING:
    from groups.models import ContainerGroup


class Steps(Calls):
    """The calls, with Acme as the only organization."""

    def set_up(self) -> None:
        from portal.models import User
        from portal.organizations.actions import create_organization
        from registries.foundation.actor import CONSOLE

        create_organization(
            slug="acme",
            name="Acme",
            owner=User.objects.create_user("alice@acme.example", address_proof="operator"),
            by=CONSOLE,
        )

    def api_key(self) -> str:
        """Make a key of Acme's that may do everything."""
        from portal.models import Organization
        from portal.organizations.api_keys import create_key
        from registries.foundation.actor import CONSOLE

        return create_key(organization_id=Organization.objects.get().pk, name="test", scope="write", by=CONSOLE)[1]

    def instance_id(self, group: str) -> str:
        """The id of the group's first instance."""
        from groups.models import Instance

        return str(Instance.objects.filter(group__name=group).values_list("pk", flat=True)[0])

    def credentials(self) -> list[str]:
        """The kinds of all credentials."""
        from registries.models import Credential

        return list(Credential.objects.order_by("provider").values_list("provider", flat=True))

    def group(self, name: str, sizes: list[int], replicas: int = 1) -> list[str]:
        """Make and start a group whose image has layers of about these sizes; return them in base64, in order."""
        from portal.models import Organization
        from tests.support.delivery_setup import make_group, make_source, store_image

        acme = Organization.objects.get()
        source = make_source(*(os.urandom(size) for size in sizes))
        _start_alone(make_group(acme, store_image(acme, source), name, replicas=replicas))
        return [base64.b64encode(raw).decode() for raw in (source.config, *(layer for _, layer in source.layers))]

    def busybox(self, name: str, command: list[str], environment: dict[str, str], restart_policy: str) -> None:
        """Make and start a group whose image is the machine's busybox."""
        from groups.rules.sealed_settings import seal_environment
        from portal.models import Organization
        from tests.interop.busybox import busybox_layers
        from tests.support.delivery_setup import OCI_GZIP, Source, config_of, make_group, store_image

        acme = Organization.objects.get()
        layers = busybox_layers()
        image = store_image(acme, Source(config_of(layers), [(OCI_GZIP, layer) for layer in layers]))
        group = make_group(acme, image, name, restart_policy=restart_policy)
        group.command, group.environment = command, seal_environment(group.pk, environment)
        group.save()
        _start_alone(group)

    def order(self, group: str, order: str) -> None:
        """Have the group's one instance restarted or recreated."""
        from groups.models import Instance
        from groups.nodes import instance_orders

        getattr(instance_orders, order)(Instance.objects.get(group__name=group), by=CONSOLE)

    def group_status(self, group: str) -> str:
        from groups.models import ContainerGroup

        return ContainerGroup.objects.get(name=group).status

    def pulled_group(self, name: str, plain: list[str]) -> str:
        """Pull an image whose layers are these tars (base64), uncompressed, from a registry, as a worker does; start
        its group. Returns the kind of what is kept."""
        from groups import jobs
        from groups.models import Blob, ContainerGroup
        from portal.models import Organization
        from tests.support.fakes.registry import FakeRegistry
        from tests.support.layer_types import OCI, push
        from tests.support.pulls import make_group

        with FakeRegistry() as registry:
            push(registry, *((OCI, base64.b64decode(layer)) for layer in plain))
            project = Organization.objects.get().projects.get(slug="default")
            group = make_group(project, f"{registry.host}/team/app:1.0", name=name)
            jobs.pull(str(group.image_id))
        _start_alone(ContainerGroup.objects.get(pk=group.pk))
        kinds = Blob.objects.filter(layers__image__groups=group).values_list("media_type", flat=True)
        return ",".join(sorted(set(kinds)))

    def pulled_from(self, name: str, reference: str, user: str, password: str) -> list[str]:
        """Pull an image of a registry, as a worker does, and start its group if that worked. Returns the image's
        status, and the code of the failure if there is one."""
        from groups import jobs
        from groups.models import ContainerGroup
        from portal.models import Organization
        from tests.support.pulls import make_credential, make_group

        project = Organization.objects.get().projects.get(slug="default")
        host = reference.partition("/")[0]
        credential = make_credential(project.organization, host, username=user, password=password)
        made = make_group(project, reference, credential=credential, name=name)
        jobs.pull(str(made.image_id))
        group = ContainerGroup.objects.select_related("image").get(pk=made.pk)
        if group.image.status == "ready":
            _start_alone(group)
        return [group.image.status, *group.failures.values_list("code", flat=True)]

    def node(self, name: str, public_key: str) -> str:
        """Enrol a node; return its id."""
        from groups.nodes.enrolment import enrol

        return str(enrol(self.code(name), name, public_key, by=CONSOLE).pk)

    def code(self, name: str) -> str:
        from groups.nodes.enrolment import create_enrolment

        code, _ = create_enrolment(name, by=CONSOLE)
        return code

    def given(self, node: str, cpu: int = 16) -> dict[str, Any]:
        """Have the node, which has this many CPUs, poll until it is assigned one instance to start; return that."""
        from groups.models import Node
        from groups.nodes.poll import poll
        from groups.nodes.report import Capacity, Report, Reported
        from tests.support.delivery_setup import prepare_all

        row = Node.objects.get(pk=node)
        report = Report(
            Capacity(cpu, 65536),
            tuple(Reported(instance.pk, instance.state) for instance in row.instances.exclude(state="allocating")),
        )
        poll(row, report)
        prepare_all()
        (start,) = poll(row, report).start
        return start.as_json()

    def report(self, node: str, state: str) -> None:
        """Have the node say that all it has is in that state."""
        from groups.models import Node
        from groups.nodes.poll import poll
        from groups.nodes.report import Capacity, Report, Reported

        row = Node.objects.get(pk=node)
        poll(row, Report(Capacity(16, 65536), tuple(Reported(instance.pk, state) for instance in row.instances.all())))

    def blobs_folder(self) -> str:
        from groups.storage import store

        return str(store.local_path(""))

    def grants(self, group: str) -> list[int]:
        """How often each layer was handed over."""
        from groups.models import LayerDelivery

        rows = LayerDelivery.objects.filter(token__group_name=group).order_by("pk")
        return list(rows.values_list("grants", flat=True))

    def prepare(self) -> None:
        """Do what the worker does."""
        from tests.support.delivery_setup import prepare_all

        prepare_all()

    def instances(self, group: str) -> list[list[str]]:
        """State and message of each instance of the group, and why its tokens ended."""
        from groups.models import Instance

        return [
            [instance.state, instance.message, ",".join(instance.tokens.values_list("ended_because", flat=True))]
            for instance in Instance.objects.filter(group__name=group)
        ]

    def ledger(self, group: str) -> list[list[str]]:
        from groups.models import Redemption

        rows = Redemption.objects.filter(token__group_name=group).order_by("pk")
        return [list(row) for row in rows.values_list("outcome", "reason")]

    def sent(self, group: str) -> list[list[int]]:
        """Whole bodies and bytes that went out, a layer each."""
        from groups.models import LayerDelivery

        rows = LayerDelivery.objects.filter(token__group_name=group).order_by("pk")
        return [list(row) for row in rows.values_list("sent_whole", "sent_bytes")]

    def stop(self, group: str) -> None:
        from groups.actions.lifecycle import stop
        from groups.models import ContainerGroup

        stop(ContainerGroup.objects.get(name=group), by=CONSOLE)

    def revoke(self, group: str) -> None:
        from groups.delivery.tokens import EndReason, end
        from groups.models import NodeToken

        end(NodeToken.objects.filter(group_name=group), EndReason.REVOKED)

    def tamper(self, group: str) -> None:
        """Flip a byte in the middle of the group's largest stored layer."""
        from groups.models import Blob
        from groups.storage import store

        blob = Blob.objects.filter(layers__image__groups__name=group).order_by("-size").first()
        assert blob is not None
        path = store.local_path(blob.name)
        assert path is not None
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)


def _start_alone(group: ContainerGroup) -> None:
    """Start the group, with those of earlier tests stopped: a node takes whatever group still waits for one."""
    from groups.actions.lifecycle import start, stop
    from groups.models import ContainerGroup

    for other in ContainerGroup.objects.filter(status__in=ContainerGroup.ACTIVE):
        stop(other, by=CONSOLE)
    start(group, by=CONSOLE)


if __name__ == "__main__":
    serve(Steps())
