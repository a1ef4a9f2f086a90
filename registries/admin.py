"""Credentials, their receipts, trusts with their uses, and registries with TLS in the admin. Secrets are never shown;
operators may destroy them."""

from __future__ import annotations

from functools import partial

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from registries import actions
from registries.foundation.actor import Actor
from registries.foundation.admin_base import RecordAdmin, actor_of
from registries.models import Credential, TlsHost, Trust, TrustUse
from registries.providers import PROVIDERS


class OverdueFilter(SimpleListFilter):
    """Credentials that are held over a minute past their deadline."""

    title = "overdue"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Credential]) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Credential]) -> QuerySet[Credential]:
        overdue = Credential.objects.overdue().values("pk")
        return queryset.filter(pk__in=overdue) if self.value() == "yes" else queryset


@admin.register(Credential)
class CredentialAdmin(RecordAdmin[Credential]):
    """When a credential was received, where it was sent, and when it was destroyed."""

    list_display = ("received_at", "organization", "name", "kind", "host", "used_count", "live", "destroyed_at")
    list_display_links = ("received_at", "name")
    list_filter = (
        OverdueFilter,
        "provider",
        "hold",
        "destroyed_because",
        ("destroyed_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("=id", "name", "host", "organization__name", "organization__slug")
    date_hierarchy = "received_at"
    fields = (
        "id",
        "organization",
        "name",
        "kind",
        "host",
        "fields",
        "ca",
        "sign_in_host",
        "hold",
        "created_by",
        "received_at",
        "deadline",
        "live",
        "used_count",
        "used_hosts",
        "last_used_at",
        "destroyed_at",
        "destroyed_because",
    )
    actions = ("destroy_now", "erase_names")

    @admin.display(description="kind", ordering="provider")
    def kind(self, credential: Credential) -> str:
        """The name of the kind of registry."""
        return PROVIDERS[credential.provider].name if credential.provider in PROVIDERS else credential.provider

    @admin.display(boolean=True, description="still here")
    def live(self, credential: Credential) -> bool:
        return credential.is_held

    @admin.action(description="Destroy now", permissions=["operate"])
    def destroy_now(self, request: HttpRequest, queryset: QuerySet[Credential]) -> TemplateResponse | None:
        """Destroy these credentials after confirmation."""
        return self.apply_confirmed(
            request,
            queryset,
            partial(actions.destroy, reason=Credential.DestructionReason.OPERATOR, by=actor_of(request)),
            action="destroy_now",
            title="Destroy these credentials now?",
            text="What is sealed is emptied for good and the receipt stays. A pull that still needs one of them "
            "fails, and its owner is asked for a new secret.",
            change="Destroyed",
        )

    @admin.action(description="Erase name and user name", permissions=["operate"])
    def erase_names(self, request: HttpRequest, queryset: QuerySet[Credential]) -> TemplateResponse | None:
        """Erase what was entered of these receipts, after confirmation."""
        return self.apply_confirmed(
            request,
            queryset.order_by("pk"),
            partial(_erase_names, by=actor_of(request)),
            action="erase_names",
            title="Erase the names and user names of these receipts?",
            text="They are deleted from the receipts, the activity and this site's log, for good. Credentials that are "
            "still held are left as they are: destroy them first. Backups of the database keep the text until they "
            "expire.",
            change="Names erased",
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        return super().get_queryset(request).defer("sealed")


def _erase_names(credential: Credential, *, by: Actor) -> bool:
    """Erase in a transaction of its own. Returns whether there was anything to erase."""
    try:
        return actions.erase_names(credential, by=by)
    except actions.CredentialHeld:
        return False


@admin.register(TlsHost)
class TlsHostAdmin(RecordAdmin[TlsHost]):
    """Registries that have spoken TLS, and are asked unencrypted never again. Workers note them as well, so they are
    forgotten with `manage.py forget_tls` where the workers' keys are."""

    list_display = ("host", "since")
    search_fields = ("host",)
    fields = ("host", "since")


@admin.register(Trust)
class TrustAdmin(RecordAdmin[Trust]):
    """How images are pulled without a secret, and since when. A removed trust stays for its uses."""

    list_display = ("created_at", "organization", "name", "provider", "host", "project", "live", "removed_at")
    list_display_links = ("created_at", "name")
    list_filter = ("provider", ("removed_at", admin.EmptyFieldListFilter))
    list_select_related = ("organization", "project")
    search_fields = ("=id", "name", "host", "organization__name", "organization__slug")
    fields = (
        "id", "organization", "project", "name", "provider", "host", "settings", "created_by", "created_at",
        "removed_at",
    )  # fmt: skip

    @admin.display(boolean=True, description="used")
    def live(self, trust: Trust) -> bool:
        return trust.is_live


@admin.register(TrustUse)
class TrustUseAdmin(RecordAdmin[TrustUse]):
    """What tokens of issuers said, and how the clouds answered. The tokens themselves are never stored."""

    list_display = ("issued_at", "organization", "trust", "reference", "outcome", "pull")
    list_filter = ("outcome", "trust__provider")
    list_select_related = ("organization", "trust")
    search_fields = ("=jti", "pull", "subject", "reference")
    fields = (
        "trust", "organization", "pull", "group_name", "reference", "issuer", "subject", "audience", "jti",
        "issued_at", "outcome", "settled_at",
    )  # fmt: skip
