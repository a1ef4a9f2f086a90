"""Images, their layers, and the steps of their pulls."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Case, Count, F, Max, OuterRef, Q, Subquery, When, Window
from django.db.models.functions import Coalesce, Greatest, Now, RowNumber

from groups.rules.group_settings import MAX_PLATFORM_LENGTH
from registries.foundation.id_fields import ImageIdField


class ImageQuerySet(models.QuerySet["Image"]):
    """Conditions on images by the progress of their pull, shared by the sweeper, the metrics and the admin."""

    def pulling(self) -> ImageQuerySet:
        """Images whose pull a worker has claimed."""
        return self.filter(status=Image.Status.PULLING)

    def unsettled(self) -> ImageQuerySet:
        """Images whose pull is queued or in progress."""
        return self.filter(status__in=[Image.Status.QUEUED, Image.Status.PULLING])

    def keeping(self) -> ImageQuerySet:
        """Images whose pull failed, and whose credential is kept for its time, so that it can be tried again."""
        return self.filter(status=Image.Status.FAILED, keeps_credential=True)

    def holding(self) -> ImageQuerySet:
        """Images that keep their credential from being destroyed: a pull needs it, or may be tried again with it."""
        return self.unsettled() | self.keeping()

    def held(self) -> ImageQuerySet:
        """Images whose pull a worker has claimed and still reports to be working on."""
        return self.pulling().filter(lease_expires_at__gte=Now())

    def abandoned(self, since: timedelta = timedelta(0)) -> ImageQuerySet:
        """Images whose worker's lease expired at least `since` ago."""
        return self.pulling().filter(lease_expires_at__lt=Now() - since)

    def due(self) -> ImageQuerySet:
        """Queued images whose `not_before` has passed, of organizations that are not suspended."""
        is_time = Q(not_before__isnull=True) | Q(not_before__lte=Now())
        return self.filter(is_time, status=Image.Status.QUEUED, organization__quota__suspended_at__isnull=True)

    def startable(self, since: timedelta = timedelta(0)) -> ImageQuerySet:
        """Due images whose pull could have begun at least `since` ago, the longest waiting first. If the organization
        has a limit of pulls at once, these are its oldest ones up to the free number. The annotation `startable_at` is
        when an image could first begin: when it came due, or when the last pull of the organization ended."""
        unlimited = Q(organization__quota__max_pulls__isnull=True)
        others = Image.objects.filter(organization=OuterRef("organization")).order_by()
        pulling = Subquery(others.pulling().values("organization").annotate(count=Count("pk")).values("count"))
        room = F("organization__quota__max_pulls") - Coalesce(pulling, 0)
        place = Window(RowNumber(), partition_by="organization", order_by=["created_at", "pk"])
        limited = Image.objects.due().filter(organization__quota__max_pulls__isnull=False).annotate(place=place)
        has_turn = limited.filter(place__lte=room).order_by().values("pk")
        due_at = Coalesce("not_before", "created_at")
        room_at = Subquery(others.values("organization").annotate(last=Max("settled_at")).values("last"))
        startable_at = Case(When(unlimited, then=due_at), default=Greatest(due_at, Coalesce(room_at, due_at)))
        rows = self.due().filter(unlimited | Q(pk__in=has_turn)).annotate(startable_at=startable_at)
        return rows.filter(startable_at__lte=Now() - since).order_by("startable_at")

    def by_turn(self, since: timedelta = timedelta(0)) -> ImageQuerySet:
        """Startable images, the one whose turn it is first: of the organization with the fewest pulls in progress, then
        of the one for which a worker last began a pull the longest ago, then the oldest image. The annotation
        `in_progress` is the number of pulls in progress of its organization."""
        others = Image.objects.pulling().filter(organization=OuterRef("organization")).order_by()
        in_progress = Subquery(others.values("organization").annotate(count=Count("pk")).values("count"))
        return (
            self.startable(since)
            .annotate(in_progress=Coalesce(in_progress, 0))
            .order_by("in_progress", F("organization__quota__last_claim_at").asc(nulls_first=True), "created_at", "pk")
        )


class Image(models.Model):
    """One image, pulled once for one group. The row is also the pull's work order.

    `lease` and `attempt` are the fence: only the holder of the current lease writes this pull's rows. `handed_over`
    counts the attempts that ended because their worker was shut down; they don't count as failed. `not_before` is the
    earliest start of the next attempt, `retry_until` the latest start of the last one. `claimed_at` is when a worker
    last began an attempt; `yielded_at` when the pull made room for another organization's and went back into the queue,
    None once it continues (`groups.rules.turns`). `keeps_credential` is set by a failure that is not about the
    credential, which then lives until its deadline unless the image is deleted before. `credential_once` is whether a
    final failure destroys the credential whatever it is about. `trust` is what it is pulled by instead of a credential.
    `digest` is the pinned one of the platform's manifest. `platform` is what it runs on (`groups.rules.platforms`);
    until the digest is pinned, it is what a member chose (`platform_chosen`) or the portal's default. `config` is
    encrypted (`registries.secrets.at_rest`, bound to the image's id). Sizes are in bytes, compressed, as the registry
    serves them.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        PULLING = "pulling"
        READY = "ready"
        FAILED = "failed"

    id = ImageIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="images")
    reference = models.CharField(max_length=512)
    registry = models.CharField(max_length=255)
    repository = models.CharField(max_length=255)
    version = models.CharField("tag or digest", max_length=140)
    provider = models.CharField("kind", max_length=20, blank=True)
    credential = models.ForeignKey(
        "registries.Credential", null=True, blank=True, on_delete=models.SET_NULL, related_name="images"
    )
    trust = models.ForeignKey(
        "registries.Trust", null=True, blank=True, on_delete=models.SET_NULL, related_name="images"
    )
    platform = models.CharField(max_length=MAX_PLATFORM_LENGTH)
    platform_chosen = models.BooleanField("chosen by a member", default=False, db_default=False, editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED, editable=False)
    keeps_credential = models.BooleanField(default=False, db_default=False, editable=False)
    credential_once = models.BooleanField("for one pull", default=False, db_default=False, editable=False)

    attempt = models.PositiveIntegerField(default=0)
    handed_over = models.PositiveIntegerField(default=0, db_default=0)
    lease = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    yielded_at = models.DateTimeField(null=True, blank=True, editable=False)
    not_before = models.DateTimeField(null=True, blank=True)
    retry_until = models.DateTimeField()
    retry_code = models.CharField("why it is tried again", max_length=30, blank=True)
    retry_params = models.JSONField(default=dict, blank=True)

    digest = models.CharField(max_length=71, blank=True)
    config_digest = models.CharField(max_length=71, blank=True)
    config_size = models.PositiveIntegerField(null=True, blank=True)
    config = models.BinaryField(null=True, editable=False)
    total_bytes = models.PositiveBigIntegerField(null=True, blank=True)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["status", "not_before"])]

    def __str__(self) -> str:
        return self.reference

    @property
    def chosen_platform(self) -> str:
        """The platform that a member chose for its group, empty if none was."""
        return self.platform if self.platform_chosen else ""


class Layer(models.Model):
    """One layer of one image, at its position.

    `digest`, `size` and `media_type` are of the layer as the registry serves it. `blob` is set when the layer is
    committed: digest and size match, and the blob is stored or was stored already. `received` is the progress in bytes.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="layers")
    position = models.PositiveIntegerField()
    media_type = models.CharField(max_length=120)
    digest = models.CharField(max_length=71)
    size = models.PositiveBigIntegerField()
    created_by = models.CharField("Dockerfile line", max_length=500, blank=True)
    received = models.PositiveBigIntegerField(default=0)
    committed_at = models.DateTimeField(null=True, blank=True)
    blob = models.ForeignKey("groups.Blob", null=True, blank=True, on_delete=models.RESTRICT, related_name="layers")

    class Meta:
        ordering = ["image", "position"]
        constraints = [models.UniqueConstraint(fields=["image", "position"], name="layer_position")]

    def __str__(self) -> str:
        return self.digest


class PullStep(models.Model):
    """One step of one attempt, as pages show it. `detail` is the portal's text, `raw` the registry's own code."""

    class Name(models.TextChoices):
        RESOLVE = "resolve", "Find the registry"
        CONNECT = "connect", "Connect"
        AUTHENTICATE = "authenticate", "Sign in"
        MANIFEST = "manifest", "Read the manifest"
        PLATFORM = "platform", "Choose the platform"
        SIZE = "size", "Check the size"
        LAYERS = "layers", "Pull and encrypt layers"
        STORE = "store", "Store"
        DESTROY = "destroy", "Destroy the credential"

    class Outcome(models.TextChoices):
        RUNNING = "running"
        OK = "ok"
        FAILED = "failed"

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="steps")
    attempt = models.PositiveIntegerField()
    name = models.CharField(max_length=20, choices=Name.choices)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    detail = models.CharField(max_length=300, blank=True)
    raw = models.CharField(max_length=100, blank=True)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["attempt", "id"]
        constraints = [models.UniqueConstraint(fields=["image", "attempt", "name"], name="step_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.outcome}"
