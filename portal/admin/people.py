"""People in the admin. They sign in with an email address; three switches say what they may do, not Django's groups
and permissions. Nobody is deleted, since the audit log refers to them; they are deactivated."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.accounts import actions as person_actions
from portal.accounts import password_links
from portal.accounts.factor_rows import PASSKEY, RECOVERY_CODES, TOTP, kinds_in
from portal.accounts.staff_roles import RIGHTS, StaffRole, role_of
from portal.admin.person_deactivation import AsksBeforeDeactivating
from portal.admin.person_factors import ResetsFactors
from portal.admin.person_sessions import EndsSessions
from portal.models import User
from portal.models.user import canonical_email
from portal.organizations.holdings import holdings_of
from registries.foundation.admin_base import actor_of
from registries.foundation.generic_bases import ModelForm
from registries.foundation.guarded_forms import GuardsFields
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ActorRequest

NO_ROLE = "none"
FACTOR_NAMES = {PASSKEY: "passkeys", RECOVERY_CODES: "recovery codes", TOTP: "authenticator app"}

admin.site.unregister(Group)

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin


class _EmailForm(GuardsFields, ModelForm[User]):
    def clean_email(self) -> str:
        email = canonical_email(str(self.cleaned_data["email"]))
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("There is a person with this address already.")
        return email


class NewPersonForm(_EmailForm):
    """Address and role. Nobody types a password: the person gets a link."""

    role = forms.ChoiceField(
        choices=StaffRole.choices, initial=StaffRole.NONE, widget=forms.RadioSelect, label="Role on this portal"
    )

    class Meta:
        model = User
        fields = ("email",)
        labels: ClassVar[dict[str, str]] = {"email": "Email address"}


class PersonForm(_EmailForm):
    """All fields but the password. A role is one choice."""

    role = forms.ChoiceField(choices=StaffRole.choices, widget=forms.RadioSelect, label="Role on this portal")

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_active")
        labels: ClassVar[dict[str, str]] = {"email": "Email address"}

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> object:
        """Return the account's role for the field that is not one of its columns."""
        if field_name == "role":
            return role_of(self.instance).value
        return super().get_initial_for_field(field, field_name)


class OwnPersonForm(PersonForm):
    """Operators don't lock themselves out."""

    role = forms.ChoiceField(
        choices=StaffRole.choices, widget=forms.RadioSelect, label="Role on this portal", disabled=True
    )


class _AddRequest(ActorRequest):
    """The request that adds a person; it carries the link to the page that shows it."""

    first_link: str


@admin.register(User)
class PersonAdmin(EndsSessions, ResetsFactors, AsksBeforeDeactivating, _UserAdmin):
    """Members, support and operators."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ("email", "name", "portal_role", "is_active", "verified")
    list_filter = (
        "is_active",
        "is_staff",
        "is_support",
        "is_superuser",
        "address_proof",
        ("altered_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ()
    actions = ("end_sessions", "reset_second_factors")
    readonly_fields = ("sign_in", "factors", "address_proof", "holds", "altered_at", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "address_proof", "first_name", "last_name", "sign_in", "factors")}),
        ("What they may do", {"fields": ("is_active", "role")}),
        (
            "What they hold",
            {
                "fields": ("holds",),
                "description": "When somebody is deactivated, their API keys, open invitations and sessions end.",
            },
        ),
        ("When", {"fields": ("last_login", "date_joined", "altered_at")}),
    )
    add_form_template = "admin/change_form.html"  # Django's speaks of options that come after a password
    add_fieldsets = (
        (
            None,
            {
                "fields": ("email", "role"),
                "description": "They get a link that sets their password, by email or from you. You don't need to add "
                "members: owners invite them.",
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """Return Django's, and the page that creates a link."""
        link = path("<id>/link/", self.admin_site.admin_view(self.link_view), name="portal_user_link")
        return [link, *super().get_urls()]

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: object
    ) -> type[ModelForm[User]]:
        if obj is not None and obj.pk == request.user.pk:
            kwargs["form"] = OwnPersonForm
        return super().get_form(request, obj, **kwargs, change=change)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Operators don't lock themselves out."""
        own = ("is_active",) if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        by = actor_of(request)
        rights = RIGHTS[StaffRole(form.cleaned_data["role"])]
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data if name != "role"}
            person_actions.change_person(obj, {**changes, **(rights if "role" in form.changed_data else {})}, by=by)
            return
        made = person_actions.create_person(obj.email, None, **rights, by=by)
        obj.pk, obj.password, obj.date_joined = made.pk, made.password, made.date_joined
        obj._state.adding = False
        cast("_AddRequest", request).first_link = password_links.issue_link(made, by=by)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """Mail the link, or show it once."""
        return self._hand_over(request, User.objects.get(pk=obj.pk), cast("_AddRequest", request).first_link)

    def link_view(self, request: HttpRequest, id: str) -> HttpResponse:
        """Create a link that sets the person's password, after asking; mail it, or show it once."""
        person = self.get_object(request, unquote(id))
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if request.method != "POST":
            return self._link_page(request, person)
        try:
            link = password_links.issue_link(person, by=actor_of(request))
        except Refusal as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return redirect("admin:portal_user_change", person.pk)
        return self._hand_over(request, person, link)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Redirect to the page that creates a link: nobody types a password for somebody else."""
        return redirect("admin:portal_user_link", id)

    @admin.display(description="name", ordering="first_name")
    def name(self, person: User) -> str:
        return person.get_full_name() or self.get_empty_value_display()

    @admin.display(description="role")
    def portal_role(self, person: User) -> str:
        return NO_ROLE if role_of(person) is StaffRole.NONE else role_of(person).label.partition(":")[0]

    @admin.display(description="verified by", ordering="address_proof")
    def verified(self, person: User) -> str:
        return person.address_proof or "nobody"

    @admin.display(description="in organizations")
    def holds(self, person: User) -> SafeString | str:
        rows = person.memberships.select_related("organization")
        lines = [
            (row.organization.name, line) for row in rows for line in holdings_of(person.pk, row.organization_id).lines
        ]
        return format_html_join("", "{}: {}<br>", lines) or self.get_empty_value_display()

    @admin.display(description="password")
    def sign_in(self, person: User) -> SafeString:
        state = "Set." if person.has_usable_password() else "None."
        return format_html('{} <a href="../link/">Create a link that sets it</a>', state)

    @admin.display(description="second factors")
    def factors(self, person: User) -> str:
        kinds = sorted(kinds_in(person.second_factors))
        return ", ".join(FACTOR_NAMES[kind] for kind in kinds) or self.get_empty_value_display()

    def _hand_over(self, request: HttpRequest, person: User, link: str) -> HttpResponse:
        if password_links.mail_link(person, link):
            self.message_user(request, f"A link was sent to {person.email}.", messages.SUCCESS)
            return redirect("admin:portal_user_change", person.pk)
        return self._link_page(request, person, link)

    def _link_page(self, request: HttpRequest, person: User, link: str = "") -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Create a link that sets a password",
            "person": person,
            "link": link,
            "sends_mail": settings.PORTAL_SENDS_MAIL,
            "opts": User._meta,
        }
        response = TemplateResponse(request, "admin/portal/user/link.html", context)
        add_never_cache_headers(response)
        return response
