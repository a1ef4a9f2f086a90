"""Container groups, and the records of failed pulls."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now

from groups.models.image import Image
from groups.rules.group_settings import (
    GROUP_NAME,
    MAX_CPU,
    MAX_GPU_CLASS_LENGTH,
    MAX_GROUP_NAME_LENGTH,
    MAX_MEMORY_MB,
    MAX_REPLICAS,
    MIN_MEMORY_MB,
)
from registries.failures import Words, describe
from registries.foundation.id_fields import FailureIdField, GroupIdField

validate_group_name = RegexValidator(
    rf"\A{GROUP_NAME}\Z",
    "Use 2 to 63 lower-case letters, digits and hyphens; start with a letter, end with a letter or digit.",
)


class ContainerGroupQuerySet(models.QuerySet["ContainerGroup"]):
    """Conditions on container groups."""

    def active(self) -> ContainerGroupQuerySet:
        """Groups that should have running instances."""
        return self.filter(status__in=ContainerGroup.ACTIVE)


class ContainerGroup(models.Model):
    """A number of replicas of one image, which is pulled once, when the group is created.

    `environment` is the encrypted JSON object of names and values (`registries.secrets.at_rest`, bound to the group's
    id); `options` are encrypted in the same way (`groups.rules.sealed_settings`). `gpu` is the class of the one GPU of
    each replica, or empty. Since the group was started, `succeeded_replicas` ended for good with exit code 0, and
    `failed_replicas` with another, the last of them with `last_exit_code`. `next_image` replaces `image` once it is
    pulled. `version` counts changes to what nodes run.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        STOPPED = "stopped"
        DEPLOYING = "deploying"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    ACTIVE = (Status.DEPLOYING, Status.RUNNING)
    """The statuses in which it should have running instances."""

    class RestartPolicy(models.TextChoices):
        ALWAYS = "always", "Always"
        ON_FAILURE = "on_failure", "On failure"
        NEVER = "never", "Never"

    id = GroupIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="groups")
    project = models.ForeignKey("portal.Project", on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=MAX_GROUP_NAME_LENGTH, validators=[validate_group_name])
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING, editable=False)
    image = models.ForeignKey("groups.Image", on_delete=models.PROTECT, related_name="groups")
    next_image = models.ForeignKey(
        "groups.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="next_for", editable=False
    )
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    autostart = models.BooleanField(default=False)
    replicas = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(0), MaxValueValidator(MAX_REPLICAS)]
    )
    cpu = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_CPU)])
    memory_mb = models.PositiveIntegerField(
        default=1024, validators=[MinValueValidator(MIN_MEMORY_MB), MaxValueValidator(MAX_MEMORY_MB)]
    )
    gpu = models.CharField("GPU class", max_length=MAX_GPU_CLASS_LENGTH, blank=True)
    command = models.JSONField(default=list, blank=True)
    environment = models.BinaryField(null=True, editable=False)
    options = models.BinaryField(null=True, editable=False)
    restart_policy = models.CharField(max_length=10, choices=RestartPolicy.choices, default=RestartPolicy.ALWAYS)
    succeeded_replicas = models.PositiveIntegerField(default=0, editable=False, db_column="ended_well")
    failed_replicas = models.PositiveIntegerField(default=0, editable=False, db_column="ended_badly")
    last_exit_code = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ContainerGroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="group_name"),
        ]
        indexes = [models.Index(fields=["organization", "status"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_changing(self) -> bool:
        """Whether another image is being pulled to replace this one."""
        return self.next_image is not None and self.next_image.status != Image.Status.FAILED

    @property
    def failed_image(self) -> Image | None:
        """The image whose pull failed and can be tried again: the group's own, or the one to replace it. None if no
        pull has failed."""
        if self.status == self.Status.FAILED:
            return self.image
        return self.next_image if self.next_image is not None and not self.is_changing else None

    @property
    def repository(self) -> str:
        """The name under which nodes fetch its image."""
        return f"{self.organization.slug}/{self.project.slug}/{self.name}"


class Failure(models.Model):
    """A pull that failed for good: code and parameters, rendered by `registries.failures.describe`.

    `trace` is a copy of the pull's steps at its end, so that the record outlives its group and image: a list of
    `{"name", "outcome", "started_at", "finished_at", "detail", "raw"}`, times in ISO 8601.
    """

    id = FailureIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="failures")
    group = models.ForeignKey(ContainerGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="failures")
    group_name = models.CharField("group", max_length=MAX_GROUP_NAME_LENGTH)
    reference = models.CharField("image", max_length=512)
    registry = models.CharField(max_length=255)
    provider = models.CharField("kind", max_length=20, blank=True)
    step = models.CharField(max_length=20)
    code = models.CharField(max_length=30)
    params = models.JSONField(default=dict, blank=True)
    raw = models.CharField("registry's code", max_length=100, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    trace = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["organization", "-created_at"]),
            models.Index(fields=["registry", "code", "-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} · {self.group_name}"

    @property
    def words(self) -> Words:
        """Title, text and remedy of the failure."""
        return describe(self.code, self.params)
