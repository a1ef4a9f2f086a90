"""What members type to make, retry and delete a container group. Reads and checks; changes nothing.

Errors name the field and the fix. What was typed stays in the form, except secrets. Reading of references is
`registries.oci.reference`'s, of a registry kind's fields `registries.providers`'s, of the many-line and shell-like
ones `groups.typed`'s.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone

from groups import typed
from groups.models import ContainerGroup
from groups.models.group import GROUP_NAME
from registries.failures import CredentialMalformed
from registries.models import Credential
from registries.oci.reference import LONGEST_REFERENCE, Reference, ReferenceInvalid, parse
from registries.providers import PROVIDERS, Provider

RESERVED_NAMES = frozenset({"new"})
LONGEST_SECRET = 64 * 1024
NAME_TAKEN = "There is a group of this name in this project already. Choose another name."
CREDENTIAL_GONE = (
    "These credentials are no longer here: they were used, removed, or their time was over. Choose others."
)
NO_CREDENTIAL = "No credential (public image)"


class CredentialChoice(forms.ModelChoiceField):
    """Live credentials of one organization."""

    def label_from_instance(self, obj: Credential) -> str:
        """Name, registry, and how long it is held."""
        return f"{obj.name} · {obj.host} · {_hold(obj)}"


class GroupForm(forms.Form):
    """A new container group. `reference` comes out as a `Reference`, `command` as a list, `environment` as a dict."""

    reference = forms.CharField(
        label="Image",
        help_text="As you would pull it, with its registry. Without a tag it is latest.",
        strip=False,
        error_messages={"required": "Enter an image, such as registry.example.com/team/app:1.0."},
        widget=forms.TextInput(
            attrs={
                "placeholder": "registry.example.com/team/app:1.0",
                "maxlength": LONGEST_REFERENCE,
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )
    credential = CredentialChoice(
        label="Registry credential",
        queryset=Credential.objects.none(),
        required=False,
        empty_label=NO_CREDENTIAL,
        help_text="Used for this pull, then destroyed.",
        error_messages={"invalid_choice": CREDENTIAL_GONE},
    )
    name = forms.CharField(
        label="Name",
        help_text="2 to 63 lower-case letters, digits and hyphens. It can't be changed later.",
        min_length=2,
        max_length=63,
        validators=[GROUP_NAME],
        error_messages={"required": "Give the group a name, such as web or nightly-render."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    replicas = forms.IntegerField(
        label="Replicas",
        initial=1,
        min_value=1,
        max_value=500,
        help_text="How many instances run, each on a node of its own where there is one.",
    )
    cpu = forms.IntegerField(
        label="CPU cores",
        initial=1,
        validators=[MinValueValidator(1), MaxValueValidator(16)],
        min_value=1,
        max_value=16,
    )
    memory_mb = forms.IntegerField(label="Memory in MB", initial=1024, min_value=128, max_value=61440)
    command = forms.CharField(
        label="Command",
        required=False,
        max_length=typed.LONGEST_COMMAND,
        help_text="One line, split as a shell would split it; quotes keep words together. Empty: the image's own. "
        "Variables, pipes and && are not interpreted; for those begin with sh -c.",
        widget=forms.TextInput(
            attrs={"placeholder": "python -m app --mode 'all of it'", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    environment = forms.CharField(
        label="Environment",
        required=False,
        strip=False,
        max_length=typed.LONGEST_ENVIRONMENT,
        help_text="NAME=value, one a line. Everything after the first = is the value, quotes too. Values are "
        "encrypted and not shown again.",
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "LOG_LEVEL=info", "spellcheck": "false"}),
    )
    restart_policy = forms.ChoiceField(
        label="Restart",
        choices=ContainerGroup.RestartPolicy.choices,
        initial=ContainerGroup.RestartPolicy.ALWAYS,
        help_text="What happens when the program in a container ends.",
    )
    autostart = forms.BooleanField(label="Start as soon as the image is ready", required=False)

    def __init__(self, *args: Any, organization_id: Any, project_id: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project_id = project_id
        credential = self.fields["credential"]
        assert isinstance(credential, CredentialChoice)  # noqa: S101 (tells mypy)
        credential.queryset = live_credentials(organization_id)

    def clean_reference(self) -> Reference:
        """Read the image."""
        try:
            return parse(self.cleaned_data["reference"])
        except ReferenceInvalid as error:
            raise ValidationError(error.text, code=error.code) from None

    def clean_name(self) -> str:
        """Refuse names that are taken, or are addresses of their own."""
        name: str = self.cleaned_data["name"]
        if name in RESERVED_NAMES:
            raise ValidationError(f"“{name}” is the address of this page. Choose another name.", code="reserved")
        if ContainerGroup.objects.filter(project_id=self._project_id, name=name).exists():
            raise ValidationError(NAME_TAKEN, code="taken")
        return name

    def clean_command(self) -> list[str]:
        """Split the line into words."""
        return typed.command(self.cleaned_data["command"])

    def clean_environment(self) -> dict[str, str]:
        """Read the lines."""
        return typed.environment(self.cleaned_data["environment"])

    def clean(self) -> dict[str, Any]:
        """Hold the credential's registry against the image's: a secret is shown to the host it was entered for."""
        reference, credential = self.cleaned_data.get("reference"), self.cleaned_data.get("credential")
        if reference is not None and credential is not None and credential.host != reference.registry:
            self.add_error(
                "credential",
                ValidationError(
                    f"These credentials are for {credential.host}, but the image comes from {reference.registry}. "
                    "Choose others, or correct the image.",
                    code="other_host",
                ),
            )
        return self.cleaned_data

    def add_name_taken(self) -> None:
        """Say that somebody took the name between the check and the writing."""
        self.add_error("name", ValidationError(NAME_TAKEN, code="taken"))


class RetryForm(forms.Form):
    """The fields of one kind of registry, for a pull that is tried again. What is no secret is filled in."""

    def __init__(self, *args: Any, kind: Provider, host: str, known: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind, self._host = kind, host
        for each in kind.fields:
            if each.secret:
                widget: forms.Widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
            else:
                widget = forms.TextInput(attrs={"autocomplete": "off", "placeholder": each.placeholder})
            self.fields[each.name] = forms.CharField(
                label=each.label,
                help_text=each.help,
                strip=False,
                max_length=LONGEST_SECRET,
                initial=None if each.secret else known.get(each.name),
                widget=widget,
            )

    def clean(self) -> dict[str, Any]:
        """Have the kind of registry judge the values, before anything is sent anywhere."""
        if not self.errors:
            try:
                self._kind.login(self.cleaned_data)
            except CredentialMalformed as error:
                text = f"{error.title}: {error.params.get('reason', '')}. Enter them again."
                self.add_error(NON_FIELD_ERRORS, ValidationError(text, code=error.code))
        return self.cleaned_data


class DeleteForm(forms.Form):
    """The name of what is to be deleted, typed."""

    typed_name = forms.CharField(
        label="Name of the group",
        max_length=63,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        self.fields["typed_name"].help_text = f"Type {name} to confirm."

    def clean_typed_name(self) -> str:
        """Compare it."""
        name: str = self.cleaned_data["typed_name"]
        if name != self._name:
            raise ValidationError(f"This is not the group's name. Type {self._name} to delete it.", code="other_name")
        return name


def live_credentials(organization_id: Any) -> Any:
    """Return the credentials of an organization that a pull could still use."""
    return Credential.objects.filter(
        organization_id=organization_id, destroyed_at__isnull=True, deadline__gt=timezone.now()
    )


def kind_for(provider: str, registry: str) -> Provider:
    """Return the kind of registry whose fields to ask for: the one that was used, else the one with this host,
    else the one whose host is typed."""
    if provider in PROVIDERS:
        return PROVIDERS[provider]
    by_host = {kind.host: kind for kind in PROVIDERS.values()}
    return by_host.get(registry) or by_host[""]


def _hold(credential: Credential) -> str:
    if credential.hold == Credential.Hold.HOUR:
        return f"kept until {credential.deadline:%H:%M} UTC at most"
    return "destroyed after this pull"
