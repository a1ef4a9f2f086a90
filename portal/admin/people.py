"""People in the admin. They sign in with an email address; three switches say what they may do, not Django's groups
and permissions. Nobody is deleted, since the audit log refers to them; they are deactivated."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.accounts import actions
from portal.accounts.authority import keeps_mark
from portal.audit.sign_ins import record_for_person
from portal.models import User
from portal.models.user import canonical_email
from registries.foundation.admin_base import GuardedAdmin, actor_of
from registries.foundation.generic_bases import ModelForm
from registries.foundation.guarded_forms import GuardsFields

admin.site.unregister(Group)

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
    _UserCreationForm = AdminUserCreationForm[User]
else:
    _UserAdmin, _UserCreationForm = UserAdmin, AdminUserCreationForm


class _EmailForm(GuardsFields, ModelForm[User]):
    def clean_email(self) -> str:
        email = canonical_email(str(self.cleaned_data["email"]))
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("There is a person with this address already.")
        return email


class NewPersonForm(_EmailForm, _UserCreationForm):
    """Address and password; without one they can't sign in until they set it."""

    class Meta:
        model = User
        fields = ("email",)


class PersonForm(_EmailForm):
    """All fields but the password, which has its own page."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_active", "is_staff", "is_support", "is_superuser")


@admin.register(User)
class PersonAdmin(GuardedAdmin[User], _UserAdmin):
    """Members, support and operators."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "is_support", "is_superuser")
    list_filter = ("is_active", "is_staff", "is_support", "is_superuser", ("altered_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("sign_in", "altered_at", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "sign_in")}),
        (
            "What they may do",
            {
                "fields": ("is_active", "is_staff", "is_support", "is_superuser"),
                "description": "Support needs staff and support. Operators need staff and superuser.",
            },
        ),
        ("When", {"fields": ("last_login", "date_joined", "altered_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Operators don't lock themselves out."""
        own = ("is_active", "is_staff", "is_superuser") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        by = actor_of(request)
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            actions.change_person(obj, changes, by=by)
            return
        password = form.cleaned_data["password1"] if obj.has_usable_password() else None
        made = actions.create_person(obj.email, password, by=by)
        obj.pk, obj.password, obj.date_joined = made.pk, made.password, made.date_joined
        obj._state.adding = False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set a password, with the record of it."""
        before = self.get_object(request, unquote(id))
        is_change = before is not None and request.method == "POST"
        with transaction.atomic():
            with keeps_mark(before.pk) if before is not None and is_change else nullcontext():
                response: HttpResponse = super().user_change_password(request, id, form_url)
            if before is not None and User.objects.get(pk=before.pk).password != before.password:
                by = actor_of(request)
                record_for_person(before, "account.password_changed", by=by)
        return response

    @admin.display(description="password")
    def sign_in(self, person: User) -> SafeString:
        state = "Set." if person.has_usable_password() else "None: they can't sign in with one."
        return format_html('{} <a href="../password/">Set another</a>', state)
