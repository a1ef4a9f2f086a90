"""Forms of an organization in the admin: its members, a new one with its owner, and its name and limits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminIntegerFieldWidget, AutocompleteSelect

from groups.models import Quota
from groups.rules.quotas import quota_of
from portal.admin.size_field import SizeField
from portal.models import Membership, Organization, Project, User
from registries.foundation.generic_bases import ModelForm
from registries.foundation.guarded_forms import GuardsFields


class MembershipForm(ModelForm[Membership]):
    """The person of a membership doesn't change: for an existing one they are shown without a query."""

    class Meta:
        model = Membership
        fields = ("user", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            person = self.fields["user"]
            person.disabled = True
            person.widget = forms.Select(choices=[(self.instance.user_id, str(self.instance.user))])


class NewOrganizationForm(GuardsFields, ModelForm[Organization]):
    """An organization starts with an owner."""

    owner = forms.ModelChoiceField(
        User.objects.all(),
        widget=AutocompleteSelect(Membership._meta.get_field("user"), admin.site),
        help_text="Somebody under Users whose address is verified. Add a new person there first.",
    )

    class Meta:
        model = Organization
        fields = ("name", "slug")
        help_texts = {"slug": "Part of the addresses of its pages, such as acme in /o/acme/. It can't be changed."}


class ProjectForm(GuardsFields, ModelForm[Project]):
    """A new project."""

    class Meta:
        model = Project
        fields = ("slug", "name")


def _count_field(name: str) -> forms.IntegerField:
    return forms.IntegerField(min_value=0, required=False, label=Quota.LIMITS[name], widget=AdminIntegerFieldWidget)


class OrganizationForm(GuardsFields, ModelForm[Organization]):
    """The name and the limits, which are the quota's. Empty is no limit; for an image it is the portal's own."""

    max_groups = _count_field("max_groups")
    max_replicas = _count_field("max_replicas")
    max_stored_bytes = SizeField(
        required=False, label=Quota.LIMITS["max_stored_bytes"], help_text="Such as 200 GB, of all its images."
    )
    max_pulls = _count_field("max_pulls")
    max_image_bytes = SizeField(
        required=False,
        label=Quota.LIMITS["max_image_bytes"],
        help_text="Such as 20 GB. Empty: the portal's own cap.",
    )

    class Meta:
        model = Organization
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        quota = quota_of(self.instance)
        self.initial.update({name: getattr(quota, name) for name in Quota.LIMITS})

    def clean(self) -> dict[str, object]:
        """Validate the limits as the quota's columns do."""
        cleaned: dict[str, object] = super().clean() or self.cleaned_data
        quota = Quota(**{name: cleaned[name] for name in Quota.LIMITS if name in cleaned})
        try:
            quota.clean_fields(exclude={"organization", *self.errors})
        except forms.ValidationError as error:
            self.add_error(None, error)
        return cleaned
