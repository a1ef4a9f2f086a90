"""The instances that a group should have: adding the missing, ending the rest.

Called in the transaction that moves the group. Which node takes one is `groups.nodes`'s.
"""

from __future__ import annotations

from groups.models import ContainerGroup, Instance
from groups.states import Stale, move


def add_instances(group: ContainerGroup) -> None:
    """Write the instances that the group still lacks."""
    Instance.objects.bulk_create(Instance(group=group) for _ in range(group.replicas - group.instances.count()))


def end_instances(group: ContainerGroup) -> None:
    """Ask every instance of the group to stop. Those that no node has are gone at once."""
    group.instances.filter(node__isnull=True).delete()
    for instance in group.instances.exclude(state=Instance.State.STOPPING):
        try:
            move(instance, to=Instance.State.STOPPING, message="", progress=0)
        except Stale:
            continue  # its node reported in between; the next stop or poll settles it
