"""Organizations in the admin: their people and projects, their limits, and suspending them. They aren't deleted here,
since groups, stored layers and the ledger refer to them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from groups.actions import suspension
from groups.models import ContainerGroup, Quota
from groups.rules.quotas import quota_of, usage
from portal.admin.organization_forms import MembershipForm, NewOrganizationForm, OrganizationForm, ProjectForm
from portal.models import Membership, Organization, Project, Role
from portal.organizations import actions
from portal.organizations.holdings import holdings_of
from portal.templatetags.drayage import state
from registries.foundation.admin_base import GuardedAdmin, actor_of, reason_of
from registries.foundation.generic_bases import ModelAdmin, ModelForm, TabularInline
from registries.foundation.units import format_size


class MembershipInline(TabularInline[Membership, Organization]):
    model = Membership
    form = MembershipForm
    extra = 0
    autocomplete_fields = ("user",)
    fields = ("user", "role", "holds")
    readonly_fields = ("holds",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user")

    @admin.display(description="ends with the role of an owner")
    def holds(self, membership: Membership) -> SafeString | str:
        if membership.pk is None or membership.role != Role.OWNER:
            return ""
        held = holdings_of(membership.user_id, membership.organization_id)
        return format_html_join("", "{}<br>", ((line,) for line in held.lines))


class ProjectInline(TabularInline[Project, Organization]):
    """New projects; an existing one keeps its address, which nodes use for its images."""

    model = Project
    form = ProjectForm
    extra = 0
    fields = ("slug", "name", "created_at")
    readonly_fields = ("created_at",)
    can_delete = False

    def has_change_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return False


INLINES = (MembershipInline, ProjectInline)


class SuspendedFilter(admin.SimpleListFilter):
    """By whether the organization is suspended, under the address that alerts and bookmarks have."""

    title = "suspended at"
    parameter_name = "suspended_at__isempty"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Organization]) -> tuple[tuple[str, str], ...]:
        return (("1", "Empty"), ("0", "Not empty"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Organization]) -> QuerySet[Organization]:
        if self.value() not in ("0", "1"):
            return queryset
        return queryset.filter(quota__suspended_at__isnull=self.value() == "1")


@admin.register(Organization)
class OrganizationAdmin(GuardedAdmin[Organization]):
    """A customer."""

    list_display = ("name", "slug", "status", "groups", "created_at")
    list_filter = (SuspendedFilter,)
    search_fields = ("name", "slug")
    inlines = INLINES
    actions = ("suspend", "resume")

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Organization | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("name", "slug", "owner")}),)
        return (
            (None, {"fields": ("name", "slug", "created_at", "status", "suspended_because")}),
            (
                "What it may have at once",
                {
                    "fields": (*Quota.LIMITS, "has_now"),
                    "description": "Empty is no limit. What is there already stays when a limit is lowered.",
                },
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        return () if obj is None else ("slug", "created_at", "status", "suspended_because", "has_now")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        groups = ContainerGroup.objects.filter(organization=OuterRef("pk")).order_by().values("organization")
        counted = groups.annotate(count=Count("pk")).values("count")
        rows = super().get_queryset(request).select_related("quota")
        return rows.annotate(group_count=Coalesce(Subquery(counted), 0))

    @admin.display(description="groups", ordering="group_count")
    def groups(self, organization: Organization) -> int:
        return int(getattr(organization, "group_count"))  # noqa: B009 (an annotation, unknown to the type)

    @admin.display(description="status", ordering="quota__suspended_at")
    def status(self, organization: Organization) -> SafeString:
        suspended = quota_of(organization).suspended_at is not None
        return state("failed", "Suspended") if suspended else state("running", "Active")

    @admin.display(description="suspended because")
    def suspended_because(self, organization: Organization) -> str:
        return quota_of(organization).suspended_because or self.get_empty_value_display()

    @admin.display(description="has now")
    def has_now(self, organization: Organization) -> str:
        used = usage(organization.pk)
        return (
            f"{used.groups} group{pluralize(used.groups)}, {used.replicas} replica{pluralize(used.replicas)}, "
            f"{format_size(used.stored_bytes)} stored, {used.pulls} pull{pluralize(used.pulls)} in progress"
        )

    @admin.action(description="Suspend", permissions=["operate"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> TemplateResponse | None:
        """Suspend these organizations, after asking why."""
        reason = reason_of(request)
        return self.apply_confirmed(
            request,
            queryset,
            lambda organization: suspension.suspend(organization.pk, reason=reason, by=actor_of(request)),
            action="suspend",
            title="Suspend these organizations?",
            text="Their groups stop, tokens and sessions of nodes end, pulls in progress fail, and nothing new starts "
            "until you resume them. Their members can sign in, and read why.",
            reason_label="Why? Their members read this.",
            change="Suspended",
        )

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Organization]) -> TemplateResponse | None:
        """Resume these organizations, after asking."""
        return self.apply_confirmed(
            request,
            queryset,
            lambda organization: suspension.resume(organization.pk, by=actor_of(request)),
            action="resume",
            title="Resume these organizations?",
            text="They can pull and start again. What ran before doesn't start by itself.",
            change="Resumed",
        )

    def save_formset(self, request: HttpRequest, form: ModelForm[Organization], formset: Any, change: bool) -> None:
        """Change members and projects by actions. New owners come before old ones are removed."""
        by = actor_of(request)
        formset.save(commit=False)
        if formset.model is Project:
            for project in formset.new_objects:
                actions.add_project(form.instance, slug=project.slug, name=project.name, by=by)
            return
        for new in formset.new_objects:
            actions.add_member(form.instance, new.user, role=new.role, by=by)
        for changed, _ in sorted(formset.changed_objects, key=lambda row: -Role(row[0].role).rank):
            actions.change_role(changed, changed.role, by=by)
        for removed in formset.deleted_objects:
            actions.remove(removed, by=by)

    def get_form(
        self, request: HttpRequest, obj: Organization | None = None, change: bool = False, **kwargs: object
    ) -> type[ModelForm[Organization]]:
        if obj is None:
            return NewOrganizationForm
        return super().get_form(request, obj, change, **{**kwargs, "form": OrganizationForm})

    def get_inlines(
        self, request: HttpRequest, obj: Organization | None = None
    ) -> tuple[type[MembershipInline] | type[ProjectInline], ...]:
        return () if obj is None else INLINES

    def save_model(self, request: HttpRequest, obj: Organization, form: ModelForm[Organization], change: bool) -> None:
        if change:
            if "name" in form.changed_data:
                actions.rename_organization(obj, name=obj.name, by=actor_of(request))
            limits = {name: form.cleaned_data[name] for name in form.changed_data if name in Quota.LIMITS}
            if limits:
                suspension.change_limits(obj.pk, limits, by=actor_of(request))
            return
        made = actions.create_organization(
            slug=obj.slug,
            name=obj.name,
            owner=form.cleaned_data["owner"],
            by=actor_of(request),
        )
        obj.pk, obj.created_at = made.pk, made.created_at
        obj._state.adding = False
