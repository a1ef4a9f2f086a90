"""The image field with its credential: how a reference reads, and a credential typed with it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from groups.web.forms import ImageForm, ReferenceField
from groups.web.inline_credential import NEW, typed_credential_form
from registries.forms.credential import CredentialForm
from registries.foundation.requests import ProjectRequest
from registries.models import Credential
from registries.oci.reference import Reference
from registries.providers.docker_hub import DOCKER_HUB
from registries.providers.recognise import recognise

NONE = "none"
"""In an address: no credential, also where one would fit."""


def typed_credential(
    request: ProjectRequest, form: ImageForm, *, asks_to_confirm: bool = True
) -> CredentialForm | None:
    """The credential that was typed with the image, where one was and the image can be read."""
    if not form.types_credential:
        return None
    reference, _ = _read_reference(str(form["image"].value() or ""))
    if reference is None:
        return None
    return typed_credential_form(reference.registry, request.POST, request.FILES, asks_to_confirm=asks_to_confirm)


def reading(request: ProjectRequest, text: str, chosen: str, typed: CredentialForm | None = None) -> dict[str, Any]:
    """How the reference reads, and the credential field with what fits first. `typed` is the form for a new one as it
    was sent; what its registry asks for stands there empty otherwise."""
    reference, error = _read_reference(text)
    live = list(live_credentials(request))
    fitting = [row for row in live if reference and row.host == reference.registry]
    if reference and chosen not in (NONE, NEW) and not any(str(row.pk) == chosen for row in fitting):
        chosen = "" if request.method == "POST" else str(fitting[0].pk) if fitting else _first_choice(reference)
    if reference and typed is None:
        typed = typed_credential_form(reference.registry)
    return {
        "typed": text,
        "reference": reference,
        "reading_error": error,
        "kind": recognise(reference.registry) if reference else None,
        "fitting": fitting,
        "others": [] if reference else live,
        "chosen": chosen,
        "typed_form": typed,
    }


def _read_reference(text: str) -> tuple[Reference | None, str]:
    """The image that is named, or why it can't be read; neither where nothing was typed."""
    if not text.strip():
        return None, ""
    try:
        return ReferenceField().clean(text), ""
    except ValidationError as refused:
        return None, " ".join(refused.messages)


def live_credentials(request: ProjectRequest) -> QuerySet[Credential]:
    return Credential.objects.live().filter(organization=request.organization.pk)


def _first_choice(reference: Reference) -> str:
    """Most images that people bring are private; Docker's own are not."""
    return NONE if reference.registry == DOCKER_HUB.host and reference.repository.startswith("library/") else NEW
