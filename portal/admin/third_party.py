"""What other packages put into the admin, cut down: second factors without their secrets. What operators change there
is done by actions. Sections have words as titles instead of packages' names."""

from __future__ import annotations

from importlib import import_module
from typing import Generic

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.accounts import actions as person_actions
from registries.foundation.actor import Actor
from registries.foundation.admin_base import GuardedAdmin, RecordAdmin, Row, actor_of
from registries.foundation.generic_bases import ModelForm
from registries.foundation.guarded_forms import GuardsFields

for _package in ("allauth.account", "allauth.mfa"):
    import_module(f"{_package}.admin")  # registers its pages now, and not again later
admin.site.unregister([Authenticator, EmailAddress])

for _label, _words in {
    "account": "Addresses",
    "admin": "Audit",
    "groups": "Groups and nodes",
    "mfa": "Second factors",
    "portal": "Customers and people",
}.items():
    apps.get_app_config(_label).verbose_name = _words


class RecordedDeletion(Generic[Row]):
    """Deletes by an action, each row in a transaction of its own: one transaction for several people could take the
    locks of their organizations' activities in another order than somebody else does."""

    def delete(self, row: Row, *, by: Actor) -> None:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Row) -> None:
        self.delete(obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Row]) -> None:
        for row in queryset.order_by("pk"):
            self.delete_model(request, row)


class EmailAddressForm(GuardsFields, ModelForm[EmailAddress]):
    """An address, in a field that is shown again."""

    class Meta:
        model = EmailAddress
        fields = ("user", "email", "verified", "primary")


@admin.register(EmailAddress)
class EmailAddressAdmin(RecordedDeletion[EmailAddress], GuardedAdmin[EmailAddress]):
    """Addresses of people that allauth has in addition to the one they sign in with."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email", "user__email")
    raw_id_fields = ("user",)
    actions = ("make_verified",)
    form = EmailAddressForm

    @admin.action(description="Mark selected email addresses as verified", permissions=["change"])
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        for address in queryset.filter(verified=False).order_by("pk"):
            if not address.can_set_verified():
                self.message_user(request, f"{address.email} is verified for somebody else.", messages.ERROR)
                continue
            address.verified = True
            person_actions.save_address(address, by=actor_of(request))
            self.message_user(request, f"{address.email} is verified now.", messages.SUCCESS)

    def save_model(self, request: HttpRequest, obj: EmailAddress, form: object, change: bool) -> None:
        person_actions.save_address(obj, by=actor_of(request))

    def delete(self, row: EmailAddress, *, by: Actor) -> None:
        person_actions.remove_address(row, by=by)


@admin.register(Authenticator)
class AuthenticatorAdmin(RecordAdmin[Authenticator]):
    """A second factor, without its secret. Those of a person who lost one are reset on the person's page."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")
