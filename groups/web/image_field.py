"""The image field with its credential: how a reference reads, which credentials fit, and one typed beside the image.

A typed credential is sealed with the group or check that it is for, and held for that one pull.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from django import forms
from django.core.exceptions import ValidationError

from groups.ingest.credential_hold import CredentialElsewhere
from groups.queries.sign_in_offers import earlier_offer
from groups.rules.image_reference import read_reference
from groups.rules.platforms import machines_of_nodes
from registries.forms.credential import CredentialForm
from registries.forms.paste import is_login_text, read_image, text_of_image
from registries.foundation.guarded_forms import GuardedForm
from registries.foundation.ids import OrganizationId, ProjectId
from registries.foundation.requests import ProjectRequest
from registries.foundation.secret_shapes import Secret, find_secret
from registries.models import Credential, CredentialQuerySet
from registries.oci.reference import Reference, ReferenceInvalid
from registries.providers.docker_hub import DOCKER_HUB
from registries.providers.recognise import recognise_for_credential, recognise_image
from registries.providers.trust_kinds import trust_kind_of
from registries.trusts.rows import find_trust

if TYPE_CHECKING:
    _CredentialField = forms.ModelChoiceField[Credential]
else:
    _CredentialField = forms.ModelChoiceField

MAX_TEXT_LENGTH = 16 * 1024
"""Of what is pasted for an image, such as a whole command."""
NEW = "new"
"""The choice of a credential that is typed beside the image."""
NONE = "none"
"""In an address: no credential, even if one fits."""
TRUST = "trust"
"""The choice of the trust for the image's registry, instead of a credential."""


class ReferenceField(forms.CharField):
    """An image reference; its clean value is a Reference (`groups.rules.image_reference`)."""

    def __init__(self, *, label: str, help_text: str) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "class": "input-mono"}
        attrs["placeholder"] = "registry.example.com/team/app:1.0"
        super().__init__(
            label=label,
            help_text=help_text,
            strip=False,
            max_length=MAX_TEXT_LENGTH,
            widget=forms.TextInput(attrs=attrs),
        )
        del self.widget.attrs["maxlength"]  # a browser would cut a command, and say nothing
        self.error_messages["required"] = "Enter an image, such as registry.example.com/team/app:1.0."
        self.error_messages["null_characters_not_allowed"] = "There is an invisible character in it; type it again."

    def clean(self, value: object) -> Reference:
        try:
            return read_reference(super().clean(value))
        except ReferenceInvalid as error:
            raise ValidationError(str(error), code=error.code) from None


class CredentialChoice(_CredentialField):
    """One of the organization's live credentials, shown by name and host."""

    def label_from_instance(self, obj: Credential) -> str:
        return f"{obj.name} · {obj.host}"


class ImageForm(GuardedForm):
    """An image, the credential that it is pulled or checked with, and its platform, where the nodes have several.

    `has_typed_credential` is whether the credential is typed beside the image, in a form of its own. Where the trust
    for the image's registry was chosen, the clean value of `credential` is that Trust.
    """

    advice = {"image": "enter only the image, and its credential below"}

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
    platform = forms.ChoiceField(
        label="Platform",
        required=False,
        help_text="Automatic takes the one for which most nodes have room. All replicas run on the same.",
        error_messages={"invalid_choice": "No node has this platform now. Choose another one."},
    )

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        organization_id: OrganizationId,
        project_id: ProjectId | None = None,
        initial: Mapping[str, object] | None = None,
    ) -> None:
        self.has_typed_credential = data is not None and data.get("credential") == NEW
        self.has_trust = data is not None and data.get("credential") == TRUST
        self._organization_id, self._project_id = organization_id, project_id
        if data is not None and (self.has_typed_credential or self.has_trust):
            data = dict(data.items()) | {"credential": ""}
        if data is not None and (image := read_image(str(data.get("image") or ""))):
            data = dict(data.items()) | {"image": image}
        super().__init__(data, initial=dict(initial or {}))
        choice = cast("CredentialChoice", self.fields["credential"])
        choice.queryset = Credential.objects.live().filter(organization=organization_id)
        machines = machines_of_nodes()
        platforms = cast("forms.ChoiceField", self.fields["platform"])
        platforms.choices = [("", "Automatic"), *((machine, machine) for machine in machines)]
        if len(machines) < 2 and not self["platform"].value():
            del self.fields["platform"]

    def find_secret(self, name: str, text: str, *, likely: bool) -> Secret | None:
        """A login is a secret, whatever its form. One in the image's field is said by the field itself."""
        if name != "image" and is_login_text(text):
            return Secret("a login", 0, len(text), is_certain=True)
        return super().find_secret(name, text, likely=likely)

    def clean(self) -> dict[str, object]:
        self._forget_command()
        reference: Reference | None = self.cleaned_data.get("image")
        credential: Credential | None = self.cleaned_data.get("credential")
        if reference and credential and credential.host != reference.registry:
            self.add_error("credential", _mismatch(credential.host, reference.registry))
        elif reference and credential and credential.repository not in ("", reference.repository):
            self.add_error("credential", CredentialElsewhere(credential.repository).message)
        elif reference and self.has_trust:
            self._use_trust(reference)
        return self.cleaned_data

    def _use_trust(self, reference: Reference) -> None:
        trust = find_trust(self._organization_id, self._project_id, reference.registry)
        if trust is None:
            text = f"There is no trust for {reference.registry} any more. Choose a credential, or add a trust."
            self.add_error("credential", text)
        else:
            self.cleaned_data["credential"] = trust

    def _forget_command(self) -> None:
        """Leave out a command that can't be read: what is sent is shown again, and a command may hold a password."""
        if "image" in self.errors and (sent := str(self.data.get("image") or "")):
            self.data = dict(self.data.items()) | {"image": text_of_image(sent)}


def typed_credential_form(
    request: ProjectRequest, form: ImageForm, *, asks_to_confirm: bool = True
) -> CredentialForm | None:
    """The form of the credential that was typed beside the image, as it was sent; None if none was typed or the image
    can't be read."""
    reference, _ = _try_reading(str(form["image"].value() or "")) if form.has_typed_credential else (None, "")
    if reference is None:
        return None
    return CredentialForm(
        request.POST,
        request.FILES,
        provider=recognise_for_credential(reference.registry),
        host=reference.registry,
        repository=reference.repository,
        prefix=NEW,
        asks_to_confirm=asks_to_confirm,
    )


def reading_context(
    request: ProjectRequest,
    text: str,
    chosen: str,
    typed_form: CredentialForm | None = None,
    *,
    is_typing: bool = False,
) -> dict[str, object]:
    """What `groups/reading.html` shows: the parts of the reference, and the credential field with what fits first: a
    trust, then credentials.
    `typed_form` is the form of a typed credential as it was sent; otherwise an empty one for the image's registry.
    While somebody is typing, a credential that fits is chosen for them."""
    reference, error = _try_reading(text)
    live = list(live_credentials(request))
    trust = find_trust(request.organization.pk, request.project.pk, reference.registry) if reference else None
    fitting = [row for row in live if reference and _fits(row, reference)]
    if (
        reference
        and chosen not in (NONE, NEW)
        and not (chosen == TRUST and trust)
        and not any(str(row.pk) == chosen for row in fitting)
    ):
        is_sent = request.method == "POST" and not is_typing
        usual = TRUST if trust else str(fitting[0].pk) if fitting else _first_choice(reference)
        chosen = "" if is_sent else usual
    provider = recognise_image(reference) if reference else None
    if reference and provider and typed_form is None:
        typed_form = CredentialForm(
            provider=recognise_for_credential(reference.registry), host=reference.registry, prefix=NEW
        )
    return {
        "reference": reference,
        "reading_error": error,
        "is_command": reference is not None and len(text.split()) > 1,
        "provider": provider,
        "trust": trust,
        "can_be_trusted": reference is not None and trust is None and trust_kind_of(reference.registry) is not None,
        "fitting": fitting,
        "others": [] if reference else live,
        "chosen": chosen,
        "typed_form": typed_form,
        "sign_in_offer": earlier_offer(request.organization.pk, reference.registry) if reference else None,
    }


def live_credentials(request: ProjectRequest) -> CredentialQuerySet:
    """The organization's credentials that a pull may open."""
    return Credential.objects.live().filter(organization=request.organization.pk)


def _fits(credential: Credential, reference: Reference) -> bool:
    return credential.host == reference.registry and credential.repository in ("", reference.repository)


def _try_reading(text: str) -> tuple[Reference | None, str]:
    """The image, or why it can't be read; neither if nothing was typed."""
    if not text.strip():
        return None, ""
    text = read_image(text) or text
    if (secret := find_secret(text, likely=False)) is not None:
        return None, f"This looks like {secret.kind}: enter only the image, and its credential below."
    try:
        return read_reference(text), ""
    except ReferenceInvalid as error:
        return None, str(error)


def _first_choice(reference: Reference) -> str:
    """Most images that people bring are private; Docker's own, and those of public registries, are not."""
    if recognise_image(reference).is_public:
        return NONE
    return NONE if reference.registry == DOCKER_HUB.host and reference.repository.startswith("library/") else NEW


def _mismatch(credential_host: str, image_host: str) -> str:
    return (
        f"This credential is for {credential_host}, and the image lies at {image_host}. A credential is shown to no "
        "other host: choose one that fits, or add it."
    )
