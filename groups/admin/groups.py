"""Container groups and their images, for operators.

A group's environment and command and an image's config can contain secrets of the customer: they are not shown. Neither
are keys and nonces of layers.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from groups.actions import lifecycle
from groups.models import ContainerGroup, Image, Instance, Layer, PullStep
from groups.queries.attention import stuck_pulls
from registries.foundation.admin_base import RecordAdmin, RecordInline, actor_of
from registries.foundation.units import format_size
from registries.providers import PROVIDERS


class InstanceInline(RecordInline[Instance]):
    model = Instance
    fields: ClassVar[tuple[str, ...]] = (
        "id",
        "state",
        "progress",
        "message",
        "node",
        "exits",
        "exit_code",
        "assigned_at",
        "changed_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        return super().get_queryset(request).select_related("node")


class LayerInline(RecordInline[Layer]):
    model = Layer
    fields = ("position", "digest", "media_type", "size", "received", "committed_at", "kept_as", "cipher_digest")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Layer]:
        secret = ("blob__hmac", "blob__nonce", "blob__wrapped_key")
        return super().get_queryset(request).select_related("blob").defer(*secret)

    @admin.display(description="kept as")
    def kept_as(self, layer: Layer) -> str:
        """Media type and size of the stored blob before encryption."""
        return f"{layer.blob.media_type.rpartition('.')[2]}, {layer.blob.size} bytes" if layer.blob else ""

    @admin.display(description="cipher digest")
    def cipher_digest(self, layer: Layer) -> str:
        """The digest that nodes request."""
        return layer.blob.cipher_digest if layer.blob else ""


class PullStepInline(RecordInline[PullStep]):
    model = PullStep
    fields = ("attempt", "name", "outcome", "detail", "raw", "started_at", "finished_at")


class StuckFilter(SimpleListFilter):
    """Pulls that have not progressed for too long."""

    title = "stuck"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Image]) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> QuerySet[Image]:
        return queryset.filter(pk__in=stuck_pulls().values("pk")) if self.value() == "yes" else queryset


@admin.register(ContainerGroup)
class ContainerGroupAdmin(RecordAdmin[ContainerGroup]):
    """Groups: status, image, and where the instances run."""

    list_display = ("name", "organization", "project", "status", "image", "replicas", "created_at")
    list_filter = ("status", "autostart", "restart_policy")
    list_select_related = ("organization", "project", "image")
    search_fields = ("=id", "name", "organization__name", "organization__slug", "image__reference")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "organization",
        "project",
        "name",
        "status",
        "image",
        "autostart",
        "replicas",
        "cpu",
        "memory_mb",
        "gpu",
        "restart_policy",
        "succeeded_replicas",
        "failed_replicas",
        "last_exit_code",
        "created_by",
        "created_at",
        "changed_at",
    )
    inlines = (InstanceInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContainerGroup]:
        return super().get_queryset(request).defer("environment", "command", "image__config")


@admin.register(Image)
class ImageAdmin(RecordAdmin[Image]):
    """Images: the steps of the pull, and the stored layers."""

    list_display = ("created_at", "organization", "reference", "kind", "status", "attempt", "size")
    list_display_links = ("created_at", "reference")
    list_filter = (StuckFilter, "status", "provider", "platform")
    list_select_related = ("organization",)
    search_fields = ("=id", "reference", "digest", "organization__name", "organization__slug")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "organization",
        "reference",
        "kind",
        "credential",
        "platform",
        "platform_chosen",
        "status",
        "digest",
        "config_digest",
        "size",
        "attempt",
        "lease_expires_at",
        "not_before",
        "retry_until",
        "retry_code",
        "created_at",
        "started_at",
        "settled_at",
    )
    inlines = (PullStepInline, LayerInline)
    actions = ("requeue",)

    @admin.display(description="kind", ordering="provider")
    def kind(self, image: Image) -> str:
        """The kind of registry."""
        return PROVIDERS[image.provider].name if image.provider in PROVIDERS else "unknown"

    @admin.display(description="size", ordering="total_bytes")
    def size(self, image: Image) -> str:
        """Compressed, as the manifest declares it."""
        return format_size(image.total_bytes) if image.total_bytes else "unknown"

    @admin.action(description="Pull again now", permissions=["operate"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[Image]) -> TemplateResponse | None:
        """Begin these pulls again, after a confirmation."""
        return self.apply_confirmed(
            request,
            queryset.select_related("credential"),
            partial(lifecycle.requeue, by=actor_of(request)),
            action="requeue",
            title="Pull these images again now?",
            text="One that waits for its next attempt is due at once. One that a worker has is taken from it: what "
            "that worker writes from then on counts for nothing. One that failed begins again where it needs no "
            "secret; where it does, only a member can try again.",
            change="Requeued",
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        return super().get_queryset(request).defer("config")
