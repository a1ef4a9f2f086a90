"""From `registry_authentication` to a credential for the image's registry, which the action seals."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from pydantic import SecretStr

from groups.api.schemas.authentication import ContainerRegistryAuthentication
from groups.web.forms import ReferenceField
from registries.credential_rows import NewCredential
from registries.failures import CredentialMalformed
from registries.foundation.refusal import Refusal
from registries.models import MAX_NAME_LENGTH
from registries.oci.reference import Reference
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise
from registries.providers.self_hosted import SELF_HOSTED

_KINDS = {"docker_hub": "docker_hub", "gcp_gar": "google", "gcp_gcr": "google", "aws_ecr": "ecr"}
_NAMES = {"personal_access_token": "password", "service_key": "key"}
"""Fields that have another name in a request than in a provider."""


def read_reference(text: str, *, field: str) -> Reference:
    """Parse an image reference. Raises Refusal with the field."""
    try:
        reference: Reference = ReferenceField().clean(text)
    except ValidationError as refused:
        raise Refusal(" ".join(refused.messages), code="image_invalid", status=400, field=field) from None
    return reference


def new_credential(
    authentication: ContainerRegistryAuthentication | None, reference: Reference, *, name: str, field: str
) -> NewCredential | None:
    """The credential in a request for the image's registry, checked; None if there is none. `name` is cut to its
    maximum length. Raises Refusal with the field below `field`; it repeats no value."""
    given = {
        variant: values
        for variant in ContainerRegistryAuthentication.model_fields
        if (values := getattr(authentication, variant, None)) is not None
    }
    if not given:
        return None
    if len(given) > 1:
        raise _malformed("Give one kind of registry authentication, not more.", field=field)
    ((variant, brought),) = given.items()
    provider = _provider(variant, reference.registry, field=f"{field}.{variant}")
    values = {_NAMES.get(each, each): _plain(getattr(brought, each)) for each in type(brought).model_fields}
    try:
        values = provider.check(values, reference.registry)
        return NewCredential(
            provider=provider.kind, name=name[:MAX_NAME_LENGTH], host=reference.registry, values=values
        )
    except CredentialMalformed as malformed:
        blamed, reason = (str(malformed.params.get(each, "")) for each in ("field", "reason"))
    # Out of the handler: what was typed hangs on the exceptions of parsers.
    sent = next((each for each in type(brought).model_fields if _NAMES.get(each, each) == blamed), "")
    where = f"{field}.{variant}.{sent}" if sent else f"{field}.{variant}"
    reason = reason or "it can't be used as it is"
    raise _malformed(f"{reason[:1].upper()}{reason[1:]}.", field=where)


def _provider(variant: str, host: str, *, field: str) -> Provider:
    kind = recognise(host)
    if variant == "basic":
        # Any pair works where the registry takes pairs, whatever else its kind could be shown.
        takes_pairs = {each.name for each in kind.fields} == {"username", "password"}
        return kind if takes_pairs else SELF_HOSTED
    wanted = PROVIDERS[_KINDS[variant]]
    if kind.kind != wanted.kind:
        text = f"The image lies at {host}, which is not {wanted.name}: use basic, or the kind of that registry."
        raise _malformed(text, field=field)
    return wanted


def _malformed(message: str, *, field: str) -> Refusal:
    return Refusal(message, code="credential_malformed", status=400, field=field)


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
