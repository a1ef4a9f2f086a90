"""Nodes, their enrolment, and the instances that they run."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now

from groups.rules.group_settings import MAX_DELETION_COST, MAX_GPU_CLASS_LENGTH, MAX_PLATFORM_LENGTH
from registries.foundation.id_fields import InstanceIdField, NodeIdField

SILENT_AFTER = timedelta(seconds=90)
"""A node without a poll for this time is silent: its instances move to other nodes."""


class NodeQuerySet(models.QuerySet["Node"]):
    """Conditions on nodes."""

    def enrolled(self) -> NodeQuerySet:
        """Nodes that were not removed."""
        return self.exclude(status=Node.Status.REMOVED)

    def with_refused_key(self) -> NodeQuerySet:
        """Enrolled nodes whose key a worker refuses."""
        return self.enrolled().exclude(key_refused="")

    def present(self) -> NodeQuerySet:
        """Enrolled nodes that have polled within the last 90 seconds."""
        return self.enrolled().filter(last_seen_at__gte=Now() - SILENT_AFTER)

    def silent(self) -> NodeQuerySet:
        """Enrolled nodes that have polled before, but not within the last 90 seconds."""
        return self.enrolled().filter(last_seen_at__lt=Now() - SILENT_AFTER)


class Node(models.Model):
    """An untrusted machine that runs instances. Its `public_key` (SPKI PEM, P-256 or RSA of 3072 bits or more) verifies
    its calls. Layer keys are encrypted to it if a worker vouches for it (`groups.nodes.vouching`): `voucher` is the
    worker zone's, `key_proof` what the key was presented with, `key_history` the keys before it that a worker still has
    to look at, each as `{"public_key", "proof", "voucher"}`. `key_refused` says why a worker refuses the key.
    `call_mark` is the web zone's own: it accepts no call that is signed with another key.

    `platform` is what the node said in its last poll that it runs, such as `linux/arm64`, as
    `registries.oci.platform.Platform` writes it; empty if it says nothing (`groups.rules.platforms`).

    `recent_calls` are the calls whose tokens could still be valid, each as `[until, jti_hash]`; `calls` counts all
    calls, for the compare-and-set of `groups.nodes.authentication`.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        CORDONED = "cordoned"
        DRAINING = "draining"
        REMOVED = "removed"

    id = NodeIdField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63)
    public_key = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    enrolled_at = models.DateTimeField(db_default=Now(), editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    cpu = models.PositiveIntegerField(default=0)
    memory_mb = models.PositiveIntegerField(default=0)
    gpu = models.CharField(max_length=MAX_GPU_CLASS_LENGTH, blank=True)
    platform = models.CharField(max_length=MAX_PLATFORM_LENGTH, blank=True, default="", db_default="")
    recent_calls = models.JSONField(default=list, blank=True, editable=False)
    calls = models.PositiveBigIntegerField(default=0, editable=False)
    call_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    key_proof = models.TextField(blank=True, default="", db_default="", editable=False)
    voucher = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    key_history = models.JSONField(blank=True, default=list, db_default=Value([], models.JSONField()), editable=False)
    key_refused = models.CharField(max_length=100, blank=True, default="", db_default="")

    objects = NodeQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Reception(models.Model):
    """Whether nodes can reach the portal; one row. `beat_at` is the last heartbeat of a web process, `open_since` when
    heartbeats without a gap began. `all_silent` says whether all nodes were silent at the last sweep."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    beat_at = models.DateTimeField(null=True, blank=True)
    open_since = models.DateTimeField(null=True, blank=True)
    all_silent = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"open since {self.open_since}"


class Enrolment(models.Model):
    """A one-time code that enrols one node or, if `node` is set before it is used, replaces that node's key. Only a
    digest of it is stored; the zone `authority` can make it again from `nonce` (`registries.secrets.node_vouchers`)."""

    node_name = models.CharField(max_length=63)
    nonce = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    authority = models.CharField(max_length=6, blank=True, default="", db_default="", editable=False)
    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="enrolments")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.node_name


class Instance(models.Model):
    """One replica of a group, on at most one node. `progress` is a percentage of the current state's work.

    `order` is what its node still has to do with the container, from `order_due_at` on. `exits` counts the container's
    ends in a row, `exit_code` is that of the last one. `excluded_node` is not assigned the instance before
    `excluded_until`. Scaling down ends the instances with the lowest `deletion_cost` first.
    """

    class State(models.TextChoices):
        ALLOCATING = "allocating"
        DOWNLOADING = "downloading"
        CREATING = "creating"
        RUNNING = "running"
        STOPPING = "stopping"

    class Order(models.TextChoices):
        RESTART = "restart"
        RECREATE = "recreate"

    id = InstanceIdField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.ForeignKey("groups.ContainerGroup", on_delete=models.CASCADE, related_name="instances")
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="instances")
    state = models.CharField(max_length=12, choices=State.choices, default=State.ALLOCATING, editable=False)
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=300, blank=True)
    order = models.CharField(max_length=10, choices=Order.choices, blank=True, editable=False)
    order_due_at = models.DateTimeField(null=True, blank=True)
    exits = models.PositiveIntegerField(default=0)
    exit_code = models.PositiveSmallIntegerField(null=True, blank=True)
    excluded_node = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_column="avoids_id"
    )
    excluded_until = models.DateTimeField(null=True, blank=True, db_column="avoids_until")
    deletion_cost = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(MAX_DELETION_COST)])
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    assigned_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["state", "node"])]

    def __str__(self) -> str:
        return str(self.id)
