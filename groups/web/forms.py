"""What people type to make a container group, to retry one, and to delete one. Every error names its field and the
fix; nothing here looks a name up or writes a row."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet

from groups.models import ContainerGroup
from groups.models.group import validate_group_name
from groups.rules.group_settings import (
    MAX_COMMAND_LENGTH,
    MAX_CPU,
    MAX_ENVIRONMENT_LENGTH,
    MAX_GPU_CLASS_LENGTH,
    MAX_GROUP_NAME_LENGTH,
    MAX_MEMORY_MB,
    MAX_REPLICAS,
    MIN_MEMORY_MB,
    NAME_TAKEN,
    RESERVED_NAMES,
    read_environment,
)
from groups.web.inline_credential import NEW
from registries.forms.paste import read_image
from registries.hosts import check_host
from registries.models import Credential
from registries.oci.reference import MAX_REFERENCE_LENGTH, Reference, ReferenceInvalid, parse


def _between(low: int, high: int) -> list[Any]:
    text = f"Between {low:,} and {high:,}."
    return [MinValueValidator(low, text), MaxValueValidator(high, text)]


class ReferenceField(forms.CharField):
    """An image as people name it; its clean value is a Reference. Of a pull command or a web address
    the image in it is read; what was typed is not repaired otherwise."""

    def __init__(self, **options: Any) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "class": "input-mono"}
        attrs["placeholder"] = "registry.example.com/team/app:1.0"
        super().__init__(
            strip=False, max_length=MAX_REFERENCE_LENGTH * 2, widget=forms.TextInput(attrs=attrs), **options
        )
        self.error_messages["required"] = "Enter an image, such as registry.example.com/team/app:1.0."
        self.error_messages["null_characters_not_allowed"] = "There is an invisible character in it; type it again."

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        text = read_image(text) or text
        try:
            reference = parse(text)
            check_host(reference.registry)
        except ReferenceInvalid as error:
            raise ValidationError(error.message, code=error.code) from None
        return reference


class CredentialChoice(forms.ModelChoiceField):
    """One of the organization's live credentials, told by name and host."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} · {obj.host}"


class ImageForm(forms.Form):
    """An image, and the credential that it is pulled or checked with."""

    image = ReferenceField(
        label="Image", help_text="As you would write it after docker pull: registry, repository, and a tag or digest."
    )
    credential = CredentialChoice(
        label="Credential",
        queryset=Credential.objects.none(),
        required=False,
        empty_label="No credential (public image)",
        error_messages={"invalid_choice": "This credential is no longer here. Choose another one, or add it again."},
    )

    def __init__(self, data: Any = None, *args: Any, organization_id: Any, **options: Any) -> None:
        self.types_credential = data is not None and data.get("credential") == NEW
        """Whether the credential is typed beside the image, in a form of its own."""
        super().__init__(_without_choice(data) if self.types_credential else data, *args, **options)
        choice: Any = self.fields["credential"]
        choice.queryset = Credential.objects.live().filter(organization=organization_id)

    def clean(self) -> dict[str, Any]:
        reference: Reference | None = self.cleaned_data.get("image")
        credential: Credential | None = self.cleaned_data.get("credential")
        if reference and credential and credential.host != reference.registry:
            self.add_error("credential", mismatch(credential.host, reference.registry))
        return self.cleaned_data


class GroupForm(ImageForm):
    """A new container group."""

    name = forms.CharField(
        label="Name",
        max_length=MAX_GROUP_NAME_LENGTH,
        validators=[validate_group_name],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="Lower-case letters, digits and hyphens. It is part of the group's address and can't be changed.",
        error_messages={"required": "Give the group a name, such as web or nightly-render."},
    )
    not_done = "Not created yet"
    replicas = forms.IntegerField(
        label="Replicas", initial=1, validators=_between(1, MAX_REPLICAS), help_text=f"1 to {MAX_REPLICAS}"
    )
    cpu = forms.IntegerField(label="CPU cores", initial=1, validators=_between(1, MAX_CPU), help_text=f"1 to {MAX_CPU}")
    memory_mb = forms.IntegerField(
        label="Memory in MB", initial=1024, validators=_between(MIN_MEMORY_MB, MAX_MEMORY_MB),
        help_text=f"{MIN_MEMORY_MB:,} to {MAX_MEMORY_MB:,}",
    )  # fmt: skip
    gpu = forms.CharField(
        label="GPU",
        required=False,
        max_length=MAX_GPU_CLASS_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="Its class, such as rtx4090",
    )
    command = forms.CharField(
        label="Command",
        required=False,
        max_length=MAX_COMMAND_LENGTH,
        widget=forms.TextInput(attrs={"class": "input-mono", "spellcheck": "false", "autocapitalize": "none"}),
        help_text="Split at blanks as a shell does; quotes keep words together. Variables are not filled in. "
        "Left empty, the image's own command runs.",
    )
    environment = forms.CharField(
        label="Environment",
        required=False,
        strip=False,
        max_length=MAX_ENVIRONMENT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4, "class": "input-mono", "spellcheck": "false", "autocapitalize": "none",
                                     "placeholder": "LOG_LEVEL=info"}),
        help_text="One NAME=value a line. Values are encrypted at rest and given to the nodes that run the group; "
        "lines that begin with # are left out.",
    )  # fmt: skip
    restart_policy = forms.ChoiceField(
        label="When a container ends",
        choices=[
            (ContainerGroup.RestartPolicy.ALWAYS, "Start it again, always"),
            (ContainerGroup.RestartPolicy.ON_FAILURE, "Start it again if it failed"),
            (ContainerGroup.RestartPolicy.NEVER, "Leave it"),
        ],
        initial=ContainerGroup.RestartPolicy.ALWAYS,
    )
    autostart = forms.BooleanField(
        label="Start as soon as it is pulled",
        required=False,
        help_text="Otherwise the group waits as stopped until somebody starts it.",
    )

    def __init__(self, *args: Any, project_id: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.project_id = project_id

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in RESERVED_NAMES:
            raise ValidationError(f"{name} is the address of this page. Choose another name.")
        if ContainerGroup.objects.filter(project_id=self.project_id, name=name).exists():
            raise ValidationError(NAME_TAKEN, code="name_taken")
        return name

    def clean_command(self) -> list[str]:
        text: str = self.cleaned_data["command"]
        if not text.isprintable():
            raise ValidationError("Write the command in one line, without invisible characters.")
        try:
            return shlex.split(text)
        except ValueError:
            raise ValidationError("A quote is opened but not closed, or the line ends with a backslash.") from None

    def clean_environment(self) -> dict[str, str]:
        return read_environment(self.cleaned_data["environment"])


def _without_choice(data: Any) -> Any:
    rest = data.copy()
    rest["credential"] = ""
    return rest


def mismatch(credential_host: str, image_host: str) -> str:
    """The words for a credential that is another registry's."""
    return (
        f"This credential is for {credential_host}, and the image lies at {image_host}. A credential is shown to no "
        "other host: choose one that fits, or add it."
    )


class RetryForm(forms.Form):
    """With what a failed pull is tried again: a secret typed again, a credential that is kept for other groups too, or
    none. The secret is typed in a form of its own."""

    NEW = NEW
    NONE = "none"
    not_done = "Not started yet"

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        live: QuerySet[Credential],
        registry: str,
        initial: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self._live = {str(credential.pk): credential for credential in live.filter(host=registry)}
        choice = forms.ChoiceField(
            label="Try again with",
            choices=[
                (self.NEW, f"A credential for {registry}, typed now"),
                *(
                    (key, f"{credential.name}, kept until {credential.deadline:%H:%M} UTC")
                    for key, credential in self._live.items()
                ),
                (self.NONE, "No credential (public image)"),
            ],
            error_messages={"invalid_choice": "This credential is no longer here. Choose another one."},
        )
        self.fields = {"use": choice}
        self.types_credential = data is not None and data.get("use") == self.NEW
        """Whether the credential is typed with it."""

    @property
    def kept(self) -> Credential | None:
        """The credential that was chosen, None where one is typed or none is used. The form must be valid."""
        return self._live.get(self.cleaned_data["use"])


class ScaleForm(forms.Form):
    """How many replicas a group is to have."""

    replicas = forms.IntegerField(label="Replicas", validators=_between(0, MAX_REPLICAS))


class DeleteForm(forms.Form):
    """The group's name, typed once more."""

    name = forms.CharField(label="Type the group's name to confirm")

    def __init__(self, *args: Any, expected: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.expected = expected
        self.fields["name"].widget.attrs |= {"data-must-be": expected, "autocomplete": "off"}

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self.expected:
            raise ValidationError("This is not the group's name.")
        return self.expected
