"""Organizations in the admin, with their people and projects. They aren't deleted here: groups, stored layers and
the ledger hang on them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from portal.actions import create_organization
from portal.models import Membership, Organization, Project, Role, User
from registries.records import GuardedAdmin


class MembershipFormSet(BaseInlineFormSet):
    """Keeps an owner in the organization."""

    def clean(self) -> None:
        super().clean()
        kept = [
            form.cleaned_data
            for form in self.forms
            if getattr(form, "cleaned_data", None) and not form.cleaned_data.get("DELETE")
        ]
        if not any(self.errors) and not any(row.get("role") == Role.OWNER for row in kept):
            raise forms.ValidationError("An organization needs an owner.")


class MembershipInline(admin.TabularInline):
    model = Membership
    formset = MembershipFormSet
    extra = 0
    autocomplete_fields = ("user",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")


class ProjectInline(admin.TabularInline):
    """New projects; one that exists keeps its address, under which nodes know its images."""

    model = Project
    extra = 0
    fields = ("slug", "name", "created_at")
    readonly_fields = ("created_at",)
    can_delete = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewOrganizationForm(forms.ModelForm):
    """An organization starts with an owner."""

    owner = forms.ModelChoiceField(
        User.objects.all(),
        widget=AutocompleteSelect(Membership._meta.get_field("user"), admin.site),
        help_text="Make the person first.",
    )

    class Meta:
        model = Organization
        fields = ("name", "slug")


@admin.register(Organization)
class OrganizationAdmin(GuardedAdmin):
    """A customer."""

    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    inlines = (MembershipInline, ProjectInline)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "slug", "owner") if obj is None else ("name", "slug", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("slug", "created_at")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return NewOrganizationForm if obj is None else super().get_form(request, obj, change, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return () if obj is None else self.inlines

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = create_organization(slug=obj.slug, name=obj.name, owner=form.cleaned_data["owner"])
        obj.pk, obj.created_at = made.pk, made.created_at
        obj._state.adding = False
