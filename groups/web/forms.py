"""Forms that create a container group, retry one, scale one and delete one. Every error names its field and the fix;
nothing here resolves a host name or writes a row."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

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
    RESERVED_NAMES,
    read_environment,
)
from groups.web.image_field import NEW, NONE, TRUST, ImageForm
from registries.foundation.guarded_forms import GuardedForm
from registries.foundation.secret_shapes import Secret, secret_in_command
from registries.models import Credential, Trust


def _between(low: int, high: int) -> list[Callable[[object], None]]:
    text = f"Between {low:,} and {high:,}."
    return [MinValueValidator(low, text), MaxValueValidator(high, text)]


class GroupForm(ImageForm):
    """A new container group."""

    secret_fields = frozenset({"environment"})
    long_fields = frozenset({"command"})
    advice = ImageForm.advice | {
        "command": "put it into a variable under Environment, which is encrypted, and have the program read it there",
        "name": "everybody reads the name, so enter another one",
        "gpu": "enter the class of a GPU, such as rtx4090",
    }

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
        help_text="Parsed like a shell command, without variables: python app.py --port 80. "
        "Leave it empty to run the image's own command.",
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
            (ContainerGroup.RestartPolicy.ALWAYS, "Always restart"),
            (ContainerGroup.RestartPolicy.ON_FAILURE, "Restart if it failed"),
            (ContainerGroup.RestartPolicy.NEVER, "Never restart"),
        ],
        initial=ContainerGroup.RestartPolicy.ALWAYS,
    )
    autostart = forms.BooleanField(
        label="Start as soon as it is pulled",
        required=False,
        help_text="Otherwise the group stays stopped until someone starts it.",
    )

    def find_secret(self, name: str, text: str, *, likely: bool) -> Secret | None:
        """As in every form; of a command the options that take a password are known."""
        if name == "command":
            return secret_in_command(text.split())
        return super().find_secret(name, text, likely=likely)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in RESERVED_NAMES:
            raise ValidationError(f"{name} is the address of this page. Choose another name.")
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


class RetryForm(forms.Form):
    """What a failed pull is retried with: the trust for its registry, a credential that is typed, one that is kept for
    other groups too, or nothing.

    `has_typed_credential` is whether it is typed, in a form of its own.
    """

    not_done = "Not started yet"

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        live: QuerySet[Credential],
        registry: str,
        trust: Trust | None = None,
        initial: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self._trust = trust
        self._live = {str(credential.pk): credential for credential in live.filter(host=registry)}
        choice = forms.ChoiceField(
            label="Try again with",
            choices=[
                *([(TRUST, f"The trust {trust.name}: nothing to type")] if trust else []),
                (NEW, f"Enter a credential for {registry}"),
                *(
                    (key, f"{credential.name}, kept until {credential.deadline:%H:%M} UTC")
                    for key, credential in self._live.items()
                ),
                (NONE, "No credential (public image)"),
            ],
            error_messages={"invalid_choice": "This credential is no longer here. Choose another one."},
        )
        self.fields = {"use": choice}
        self.has_typed_credential = data is not None and data.get("use") == NEW

    @property
    def kept(self) -> Credential | Trust | None:
        """The chosen credential or trust; None if a credential is typed or none is used. The form must be valid."""
        if self.cleaned_data["use"] == TRUST:
            return self._trust
        return self._live.get(self.cleaned_data["use"])


class ScaleForm(GuardedForm):
    """The number of replicas of a group."""

    replicas = forms.IntegerField(label="Replicas", validators=_between(0, MAX_REPLICAS))


class DeleteForm(GuardedForm):
    """The group's name, typed to confirm."""

    name = forms.CharField(label="Type the group's name to confirm")

    def __init__(self, data: Mapping[str, object] | None = None, *, expected: str) -> None:
        super().__init__(data)
        self.expected = expected
        self.fields["name"].widget.attrs |= {"data-must-be": expected, "autocomplete": "off"}

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self.expected:
            raise ValidationError("This is not the group's name.")
        return self.expected
