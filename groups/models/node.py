"""Nodes, how they join, and the instances they run."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Node(models.Model):
    """A machine of a stranger. It is known by `public_key` (SPKI PEM, P-256 or RSA of 3072 bits or more),
    to which layer keys are wrapped and by which its calls are signed."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        CORDONED = "cordoned"
        REMOVED = "removed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63)
    public_key = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    enrolled_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    cpu = models.PositiveIntegerField(default=0)
    memory_mb = models.PositiveIntegerField(default=0)
    gpu = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Enrolment(models.Model):
    """A one-time code that lets one node join. Only its SHA-256 is kept."""

    node_name = models.CharField(max_length=63)
    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="enrolments")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.node_name


class Instance(models.Model):
    """One replica of a group, on at most one node. `progress` is a percentage of the current state's work."""

    class State(models.TextChoices):
        ALLOCATING = "allocating"
        DOWNLOADING = "downloading"
        CREATING = "creating"
        RUNNING = "running"
        STOPPING = "stopping"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.ForeignKey("groups.ContainerGroup", on_delete=models.CASCADE, related_name="instances")
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="instances")
    state = models.CharField(max_length=12, choices=State.choices, default=State.ALLOCATING, editable=False)
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["state", "node"])]

    def __str__(self) -> str:
        return str(self.id)
