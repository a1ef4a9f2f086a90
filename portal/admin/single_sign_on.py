"""Identity providers, domains and linked identities in the admin: to look at, and to remove with a record."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from portal.accounts.sso import actions as identity_actions
from portal.accounts.sso import clients, domains, identities, organization_actions
from portal.models import LinkedIdentity, SsoProvider, VerifiedDomain
from registries.foundation.admin_base import RecordAdmin, actor_of


@admin.register(SsoProvider)
class SsoProviderAdmin(RecordAdmin[SsoProvider]):
    """Providers. The whole portal's is named by the environment and can't be removed here."""

    list_display = ("issuer", "organization", "is_unaltered", "requires_sso", "checked_at", "problem")
    search_fields = ("issuer", "organization__slug")
    fields = (
        "issuer", "organization", "client_id", "is_unaltered", "requires_sso", "adds_members", "default_role",
        "required_claim", "required_value", "checked_at", "problem", "created_at",
    )  # fmt: skip
    readonly_fields = ("is_unaltered",)
    list_select_related = ("organization",)
    actions = ("remove_providers",)

    @admin.display(description="changed by the portal only", boolean=True)
    def is_unaltered(self, row: SsoProvider) -> bool:
        """Whether the mark of the settings fits."""
        return clients.is_as_left(row)

    @admin.action(description="Remove selected identity providers", permissions=["operate"])
    def remove_providers(self, request: HttpRequest, queryset: QuerySet[SsoProvider]) -> TemplateResponse | None:
        """Remove each of an organization, after asking."""

        def remove(row: SsoProvider) -> bool:
            if row.organization_id is None:
                return False
            return organization_actions.remove_provider(row, by=actor_of(request))

        return self.apply_confirmed(
            request, queryset, remove,
            action="remove_providers",
            title="Remove these identity providers?",
            text="What they have linked is removed, and their organizations are open to other sign-ins again.",
            change="Removed",
        )  # fmt: skip


@admin.register(VerifiedDomain)
class VerifiedDomainAdmin(RecordAdmin[VerifiedDomain]):
    """Domains of organizations. What counts is whether one is verified now."""

    list_display = ("name", "organization", "is_verified", "verified_at", "valid_until", "problem")
    search_fields = ("name", "organization__slug")
    fields = (
        "name", "organization", "is_verified", "verified_at", "valid_until", "checked_at", "missing_since", "problem",
        "created_at",
    )  # fmt: skip
    readonly_fields = ("is_verified",)
    list_select_related = ("organization",)
    actions = ("remove_domains",)

    @admin.display(description="verified now", boolean=True)
    def is_verified(self, row: VerifiedDomain) -> bool:
        """Whether the organization's provider is believed about its addresses."""
        return domains.is_verified(row)

    @admin.action(description="Remove selected domains", permissions=["operate"])
    def remove_domains(self, request: HttpRequest, queryset: QuerySet[VerifiedDomain]) -> TemplateResponse | None:
        """Remove each, after asking."""

        def remove(row: VerifiedDomain) -> bool:
            return organization_actions.remove_domain(row, by=actor_of(request))

        return self.apply_confirmed(
            request, queryset, remove,
            action="remove_domains",
            title="Remove these domains?",
            text="Providers are no longer believed about their addresses. Identities that are linked stay so.",
            change="Removed",
        )  # fmt: skip


@admin.register(LinkedIdentity)
class LinkedIdentityAdmin(RecordAdmin[LinkedIdentity]):
    """Who signs in as which subject of which provider."""

    list_display = ("person", "provider", "subject", "is_unaltered", "last_used_at", "withdrawn_at")
    search_fields = ("person__email", "subject", "provider__issuer")
    fields = (
        "person", "provider", "subject", "email", "is_unaltered", "linked_at", "last_used_at", "refresh_checked_at",
        "refresh_unanswered", "refused_since", "withdrawn_at",
    )  # fmt: skip
    readonly_fields = ("is_unaltered",)
    list_select_related = ("person", "provider__organization")
    actions = ("disconnect",)

    @admin.display(description="linked by the portal", boolean=True)
    def is_unaltered(self, row: LinkedIdentity) -> bool:
        """Whether the mark of the identity fits."""
        return identities.is_as_left(row)

    @admin.action(description="Disconnect selected identities", permissions=["operate"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[LinkedIdentity]) -> TemplateResponse | None:
        """Disconnect each, after asking."""

        def remove(row: LinkedIdentity) -> bool:
            return identity_actions.disconnect(row, by=actor_of(request))

        return self.apply_confirmed(
            request, queryset, remove,
            action="disconnect",
            title="Disconnect these identities?",
            text="Sessions that began with them end. The people get an email and stay members.",
            change="Disconnected",
        )  # fmt: skip
