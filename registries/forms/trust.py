"""The forms of trusts: adding one, and renaming it. Nothing in them is secret; a secret in a field is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from registries.forms.fields import HostField, NameField, RegistryValueField
from registries.foundation.guarded_forms import GuardedForm
from registries.foundation.ids import ProjectId
from registries.models import Trust
from registries.providers.checks import Unusable
from registries.providers.google_trust import read_settings
from registries.providers.trust_kinds import TrustKind
from registries.trusts.actions import NewTrust


class TrustForm(GuardedForm):
    """A new trust of one kind, cleaned to a NewTrust. `projects` are (id, name) of the organization's projects; with
    only one there is no choice. A configuration file of Google's that is pasted as the provider fills the fields."""

    word_fields = frozenset({"host"})
    name_fields = frozenset({"name"})

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        files: MultiValueDict[str, UploadedFile[bytes]] | None = None,
        *,
        kind: TrustKind,
        projects: Sequence[tuple[ProjectId, str]],
        initial: Mapping[str, object] | None = None,
    ) -> None:
        self.kind = kind
        self.exact_fields = frozenset({"host", *(field.name for field in kind.fields)})
        self.advice = {"name": "everybody reads the name, so enter another one"}
        super().__init__(data, files, initial=dict(initial or {}))
        self.fields = {"host": HostField(help_text=_host_help(kind))}
        for declared in kind.fields:
            self.fields[declared.name] = RegistryValueField(declared)
        if len(projects) > 1:
            self.fields["project"] = forms.TypedChoiceField(
                label="Used by",
                required=False,
                coerce=int,
                empty_value=None,
                choices=[("", "All projects"), *((str(pk), f"Only {name}") for pk, name in projects)],
                help_text="A project's own trust comes before that of all projects.",
            )
        self.fields["name"] = NameField(required=False, help_text="How you find it again in lists.")

    def clean(self) -> dict[str, object]:
        """Check the settings for the host, as adding the trust does."""
        self.cleaned_data |= read_settings(str(self.cleaned_data.get("provider") or ""))
        host = self.cleaned_data.get("host")
        if not host or any(field.name in self.errors for field in self.kind.fields):
            return self.cleaned_data
        try:
            self.kind.check(self._settings(), str(host))
        except Unusable as unusable:
            reason, field = unusable.reason, unusable.field
            self.add_error(field if field in self.fields else None, f"{reason[:1].upper()}{reason[1:]}.")
        return self.cleaned_data

    def new_trust(self) -> NewTrust:
        """Return the values for an action to store. The form must be valid."""
        cleaned = self.cleaned_data
        return NewTrust(
            name=cleaned.get("name") or f"{self.kind.provider.name}"[:63],
            provider=self.kind.provider.kind,
            host=cleaned["host"],
            settings=self._settings(),
            project_id=cast("ProjectId | None", cleaned.get("project")),
        )

    def _settings(self) -> dict[str, str]:
        values = {field.name: str(self.cleaned_data.get(field.name) or "").strip() for field in self.kind.fields}
        return {name: text for name, text in values.items() if text}


class TrustNameForm(GuardedForm):
    """The name of a trust. All else is another trust."""

    name_fields = frozenset({"name"})
    advice = {"name": "everybody reads the name, so enter another one"}

    def __init__(self, data: Mapping[str, object] | None = None, *, trust: Trust) -> None:
        super().__init__(data, initial={"name": trust.name})
        self.fields = {"name": NameField(required=True, help_text="How you find it again in lists.")}


def _host_help(kind: TrustKind) -> str:
    if kind.provider.host:
        return f"{kind.provider.host}, or the host of a Quay of your own."
    return kind.provider.host_help
