"""Opening a credential for the one registry it was entered for, and clients for that registry. Worker zone only.

The opened value exists only in the client that is made with it; it is never written or logged.
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
from registries.oci.timeouts import Timeouts
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise
from registries.secrets.credential_seal import SealBroken, unseal

log = structlog.get_logger(__name__)


def open_login(image: Image | ImageCheck) -> Login | None:
    """Open the image's credential and note the use on its receipt. Returns None for an image without credentials.

    Raises CredentialExpired where the credential is gone, CredentialMalformed where it is for another host or can't
    work for this kind of registry.
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


def _note_host(image: Image | ImageCheck) -> Callable[[str], None]:
    """Return a function that notes on the credential's receipt that it is about to be shown to a host."""
    return partial(note_used_host, image.credential_id) if image.credential_id else _note_nothing


def _note_nothing(host: str) -> None:
    """A pull without a credential has no receipt."""


def _own_authorities(image: Image | ImageCheck) -> str:
    """Return the authorities that were entered with the image's credential (PEM), "" where there are none. They are
    not secret, and stay when the credential is destroyed."""
    return image.credential.ca if image.credential else ""


def _token_hosts(image: Image | ImageCheck) -> tuple[str, ...]:
    """Return the hosts, in addition to the registry's own, that may be asked for a token with these credentials."""
    return PROVIDERS[image.provider].token_hosts if image.provider else ()


@contextmanager
def classify_failures(image: Image | ImageCheck) -> Iterator[None]:
    """Replace a failure by what the registry's response means at this kind of registry."""
    try:
        yield
    except PullFailed as failure:
        provider = PROVIDERS[image.provider] if image.provider else recognise(image.registry)
        classified = provider.classify(failure)
        if classified is failure:
            raise
        raise classified from None


def open_client(image: Image | ImageCheck, login: Login | None, timeouts: Timeouts | None = None) -> RegistryClient:
    """Return a client for the image's registry, within the operator's rules. Raises HostNotAllowed, and
    CredentialMalformed for a login that can't be sent."""
    return RegistryClient(
        image.registry,
        login=login,
        guard=address_guard(),
        ca_file=settings.PORTAL_REGISTRY_CA_FILE,
        ca=_own_authorities(image),
        token_hosts=_token_hosts(image),
        timeouts=timeouts,
        before_login_sent=_note_host(image),
    )


@contextmanager
def flag_if_public(image: Image | ImageCheck, timeouts: Timeouts | None = None) -> Iterator[None]:
    """If credentials fail in the block, try once without them; if that works, set the failure's parameter `public`."""
    try:
        yield
    except ABOUT_CREDENTIALS as failure:
        if image.provider and _is_public(image, timeouts):
            failure.params["public"] = True
        raise


def _is_public(image: Image | ImageCheck, timeouts: Timeouts | None) -> bool:
    try:
        with open_client(image, None, timeouts) as anonymous:
            anonymous.authenticate(image.repository)
            anonymous.fetch_manifest(image.repository, image.version)
    except PullFailed:
        return False
    return True
