"""The instances that a group should have: adding the missing, ending the rest.

Called in the transaction that moves the group. Which node takes one is `groups.nodes`'s.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, F, Q

from groups.models import ContainerGroup, Instance
from groups.states import Stale, move

Status = ContainerGroup.Status
STOPPING = Instance.State.STOPPING


def add_instances(group: ContainerGroup) -> None:
    """Write the instances that the group still lacks. Those that are stopping are on their way out: none of them
    will run again."""
    has = group.instances.exclude(state=STOPPING).count()
    Instance.objects.bulk_create(Instance(group=group) for _ in range(group.replicas - has))


def top_up() -> int:
    """Give groups that should run, and have fewer instances than replicas, what they lack; return how many such
    groups there were."""
    has = Count("instances", filter=~Q(instances__state=STOPPING))
    wanted = ContainerGroup.objects.filter(status__in=[Status.DEPLOYING, Status.RUNNING])
    topped_up = 0
    for group_id in wanted.annotate(has=has).filter(has__lt=F("replicas")).values_list("pk", flat=True):
        with transaction.atomic():
            # Whoever starts or stops the group writes its row: one after the other, each counting afresh.
            group = wanted.select_for_update(no_key=True).filter(pk=group_id).first()
            if group is not None:
                add_instances(group)
                topped_up += 1
    return topped_up


def end_instances(group: ContainerGroup) -> None:
    """Ask every instance of the group to stop. Those that no node has are gone at once."""
    group.instances.filter(node__isnull=True).delete()
    for instance in group.instances.exclude(state=STOPPING):
        try:
            move(instance, to=STOPPING, message="", progress=0)
        except Stale:
            continue  # its node reported in between; the next stop or poll settles it
