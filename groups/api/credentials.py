"""From the image and `registry_authentication` of a request to a Reference and a credential for its registry."""

from __future__ import annotations

from pydantic import SecretStr

from groups.api.schemas.authentication import ContainerRegistryAuthentication
from groups.rules import image_reference
from registries.credential_rows import NewCredential
from registries.failures import CredentialMalformed
from registries.forms.paste import is_login_text
from registries.foundation.refusal import Refusal
from registries.foundation.secret_shapes import find_secret
from registries.hosts import read_host
from registries.models import MAX_NAME_LENGTH
from registries.oci.reference import Reference, ReferenceInvalid, names_host
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise
from registries.providers.self_hosted import SELF_HOSTED

_KINDS = {"docker_hub": "docker_hub", "gcp_gar": "google", "gcp_gcr": "google", "aws_ecr": "ecr"}
_NAMES = {"personal_access_token": "password", "service_key": "key"}
"""Names of fields in a request that a provider calls otherwise."""


def read_reference(text: str, *, field: str) -> Reference:
    """Parse an image reference. Raises Refusal with the field."""
    try:
        return image_reference.read_reference(text)
    except ReferenceInvalid as error:
        raise Refusal(str(error), code="image_invalid", status=400, field=field) from None


def new_credential(
    authentication: ContainerRegistryAuthentication | None, reference: Reference, *, name: str, field: str
) -> NewCredential | None:
    """Return the checked credential of a request for the image's registry; None if there is none. `name` is cut to its
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
    ((variant, sent),) = given.items()
    provider = _provider(variant, reference.registry, field=f"{field}.{variant}")
    values = {_NAMES.get(name, name): _plain(value) for name, value in sent if value is not None}
    sign_in_host = _read_sign_in_host(
        values.pop("sign_in_host", ""), reference.registry, field=f"{field}.{variant}.sign_in_host"
    )
    for sent_name, value in sent:
        if value is not None and is_login_text(_plain(value), in_secret=isinstance(value, SecretStr)):
            text = "This is a whole login, such as a docker login command. Send its user name and its password."
            raise _malformed(text, field=f"{field}.{variant}.{sent_name}")
    try:
        values = provider.check(values, reference.registry)
        return NewCredential(
            provider=provider.kind,
            name=name[:MAX_NAME_LENGTH],
            host=reference.registry,
            values=values,
            sign_in_host=sign_in_host,
        )
    except CredentialMalformed as malformed:
        wrong, reason = (str(malformed.params.get(param, "")) for param in ("field", "reason"))
    # Outside the handler: exceptions of parsers hold the value.
    name_sent = next((name for name, _ in sent if _NAMES.get(name, name) == wrong), "")
    where = f"{field}.{variant}.{name_sent}" if name_sent else f"{field}.{variant}"
    reason = reason or "it can't be used as it is"
    raise _malformed(f"{reason[:1].upper()}{reason[1:]}.", field=where)


def _read_sign_in_host(text: str, registry: str, *, field: str) -> str:
    """Return the host as a worker that is sent there names it; empty if it is the registry's own. Raises Refusal, which
    repeats nothing: what was sent may be the secret, in the wrong place."""
    if not text:
        return ""
    try:
        host = read_host(text).removesuffix(":443")
    except ReferenceInvalid as error:
        message = error.message
    else:
        if names_host(f"{host}/") and find_secret(host) is None:
            return "" if host == registry.removesuffix(":443") else host
        message = "Send the host name at which the registry signs in, such as git.example.com"
    raise _malformed(f"{message.removesuffix('.')}.", field=field)


def _provider(variant: str, host: str, *, field: str) -> Provider:
    recognised = recognise(host)
    if variant == "basic":
        # A user name with a password works at every registry that takes such pairs, or the password alone.
        names = {declared.name for declared in recognised.fields}
        return recognised if "password" in names and names <= {"username", "password"} else SELF_HOSTED
    wanted = PROVIDERS[_KINDS[variant]]
    if recognised.kind != wanted.kind:
        text = f"The image is at {host}, which is not {wanted.name}: use basic, or the kind of that registry."
        raise _malformed(text, field=field)
    return wanted


def _malformed(message: str, *, field: str) -> Refusal:
    return Refusal(message, code="credential_malformed", status=400, field=field)


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
