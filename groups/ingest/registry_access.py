"""Opening a credential for the one registry it was entered for. Worker zone only.

The opened value lives in the client that is made with it and ends with it; it is never written or logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import structlog
from django.conf import settings

from groups.models import Image, ImageCheck
from registries.credential_rows import note_use, note_used_host
from registries.failures import ABOUT_CREDENTIALS, CredentialExpired, CredentialMalformed, PullFailed
from registries.hosts import address_guard
from registries.models import Credential
from registries.oci.auth import Login
from registries.oci.client import RegistryClient
from registries.oci.transport import Timeouts
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise
from registries.secrets.credential_seal import SealBroken, unseal

log = structlog.get_logger(__name__)


def open_login(image: Image | ImageCheck) -> Login | None:
    """Return what to show the image's registry, None for a pull without credentials, and note the use on the
    receipt.

    Raises CredentialExpired where the credential is gone, CredentialMalformed where it is for another host.
    """
    if not image.provider:
        return None
    if image.credential_id is None:
        raise CredentialExpired()
    live = Credential.objects.live().filter(organization=image.organization_id)
    credential = live.filter(pk=image.credential_id).first()
    if credential is None or credential.sealed is None or credential.epoch is None:
        raise CredentialExpired()
    if credential.host != image.registry:
        raise CredentialMalformed(
            host=image.registry, reason=f"they were entered for {credential.host} and are shown to no other host"
        )
    try:
        secrets = unseal(
            bytes(credential.sealed),
            epoch=credential.epoch,
            organization_id=credential.organization_id,
            credential_id=credential.pk,
        )
    except SealBroken as error:
        log.warning("credential_seal_broken", credential=str(credential.pk), reason=str(error))
        raise CredentialExpired(raw="seal") from None
    provider, values = PROVIDERS[credential.provider], {**credential.fields, **secrets}
    provider.check(values, image.registry)
    note_use(credential.pk)
    if provider.exchange_host is not None:
        note_used_host(credential.pk, provider.exchange_host(image.registry))
    return provider.login(values, image.registry)


def note_host(image: Image | ImageCheck) -> Callable[[str], None]:
    """Return what writes on the receipt of the image's credential to which hosts it is shown."""
    return partial(note_used_host, image.credential_id) if image.credential_id else _note_nothing


def _note_nothing(host: str) -> None:
    """A pull without a credential has no receipt."""


def own_authorities(image: Image | ImageCheck) -> str:
    """Return the authorities that came with the image's credential (PEM), nothing where there are none. They are not
    secret, and outlive it."""
    return image.credential.ca if image.credential else ""


def token_hosts(image: Image | ImageCheck) -> tuple[str, ...]:
    """Return the hosts besides the registry's own that may be asked for a token with these credentials."""
    return PROVIDERS[image.provider].token_hosts if image.provider else ()


@contextmanager
def classify_failures(image: Image | ImageCheck) -> Iterator[None]:
    """Turn a failure into what the answer behind it means at this kind of registry."""
    try:
        yield
    except PullFailed as failure:
        provider = PROVIDERS[image.provider] if image.provider else recognise(image.registry)
        meant = provider.classify(failure)
        if meant is failure:
            raise
        raise meant from None


def open_client(image: Image | ImageCheck, login: Login | None, timeouts: Timeouts | None = None) -> RegistryClient:
    """Return a client for the image's registry, within the operator's rules."""
    return RegistryClient(
        image.registry,
        login=login,
        guard=address_guard(),
        ca_file=settings.PORTAL_REGISTRY_CA_FILE,
        ca=own_authorities(image),
        token_hosts=token_hosts(image),
        timeouts=timeouts,
        on_show=note_host(image),
    )


@contextmanager
def flag_if_public(image: Image | ImageCheck, timeouts: Timeouts | None = None) -> Iterator[None]:
    """Where credentials fail in it, try once without them; a failure's parameter `public` says that this works."""
    try:
        yield
    except ABOUT_CREDENTIALS as failure:
        if image.provider and _is_public(image, timeouts):
            failure.params["public"] = True
        raise


def _is_public(image: Image | ImageCheck, timeouts: Timeouts | None) -> bool:
    try:
        with open_client(image, None, timeouts) as stranger:
            stranger.authenticate(image.repository)
            stranger.fetch_manifest(image.repository, image.version)
    except PullFailed:
        return False
    return True
