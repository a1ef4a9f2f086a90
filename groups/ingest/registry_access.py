"""Clients for an image's registry, and what a failure means there. Worker zone only.

A client with a login connects to what was sealed with it (`groups.ingest.opened_credential`), not to what a row says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from django.conf import settings

from groups.ingest.opened_credential import OpenedCredential
from groups.ingest.tls_hosts import StoredTlsHosts
from groups.models import Image, ImageCheck
from registries.credential_rows import note_used_host
from registries.failures import ABOUT_CREDENTIALS, PullFailed
from registries.hosts import address_guard
from registries.oci.client import RegistryClient
from registries.oci.timeouts import Timeouts
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise


def _note_host(image: Image | ImageCheck) -> Callable[[str], None]:
    """Return a function that notes on the credential's receipt that it is about to be shown to a host."""
    return partial(note_used_host, image.credential_id) if image.credential_id else _note_nothing


def _note_nothing(host: str) -> None:
    """A pull without a credential has no receipt."""


def _own_authorities(image: Image | ImageCheck) -> str:
    """Return the authorities that the row of the image's credential names (PEM), "" where there are none: for a client
    that shows no credential. They are not secret, and stay when the credential is destroyed."""
    return image.credential.ca if image.credential else ""


def _token_hosts(provider: str) -> tuple[str, ...]:
    """Return the hosts, in addition to the registry's own, that may be asked for a token at this kind of registry."""
    return PROVIDERS[provider].token_hosts if provider else ()


@contextmanager
def classify_failures(image: Image | ImageCheck) -> Iterator[None]:
    """Replace a failure by what the registry's response means at this kind of registry."""
    try:
        yield
    except PullFailed as failure:
        provider = PROVIDERS[image.provider] if image.provider else recognise(image.registry, image.repository)
        classified = provider.classify(failure)
        if classified is failure:
            raise
        raise classified from None


def open_client(
    image: Image | ImageCheck, opened: OpenedCredential | None, timeouts: Timeouts | None = None
) -> RegistryClient:
    """Return a client within the operator's rules: for the host that the opened credential was sealed for, or, without
    one, for the image's registry. Raises HostNotAllowed, and CredentialMalformed for a login that can't be sent."""
    return RegistryClient(
        opened.host if opened else image.registry,
        login=opened.login if opened else None,
        guard=address_guard(),
        ca_file=settings.PORTAL_REGISTRY_CA_FILE,
        ca=opened.ca if opened else _own_authorities(image),
        token_hosts=_token_hosts(opened.provider if opened else image.provider),
        timeouts=timeouts,
        before_login_sent=_note_host(image),
        tls_hosts=StoredTlsHosts(),
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
