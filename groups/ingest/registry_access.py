"""Clients for an image's registry, and what a failure means there. Worker zone only.

A client with a login connects to what was sealed with it (`groups.ingest.opened_credential`), not to what a row says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings

from groups.ingest.opened_credential import OpenedCredential
from groups.ingest.opened_trust import as_trust_failure
from groups.ingest.tls_hosts import StoredTlsHosts
from groups.models import Image, ImageCheck
from registries.credential_rows import note_used_host
from registries.failures import ABOUT_CREDENTIALS, HostNotAllowed, PullFailed
from registries.foundation.ids import OrganizationId
from registries.hosts import address_guard, may_connect
from registries.oci.client import RegistryClient
from registries.oci.timeouts import Timeouts
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise
from registries.providers.sign_in_hosts import sign_in_hosts
from registries.secrets.sign_in_offers import offer_of


def _note_host(image: Image | ImageCheck) -> Callable[[str], None]:
    """Return a function that notes on the credential's receipt that it is about to be shown to a host."""
    return partial(note_used_host, image.credential_id) if image.credential_id else _note_nothing


def _note_nothing(host: str) -> None:
    """A pull without a credential has no receipt."""


def _own_authorities(image: Image | ImageCheck) -> str:
    """Return the authorities that the row of the image's credential names (PEM), "" where there are none: for a client
    that shows no credential. They are not secret, and stay when the credential is destroyed."""
    return image.credential.ca if image.credential else ""


@contextmanager
def classify_failures(image: Image | ImageCheck) -> Iterator[None]:
    """Replace a failure by what the registry's response means at this kind of registry. One that names another sign-in
    host gets the parameter `sign_in_offer`, with which a member can confirm it."""
    try:
        yield
    except PullFailed as failure:
        if isinstance(failure, HostNotAllowed) and failure.sign_in_host:
            _offer_sign_in_host(image, failure)
        provider = PROVIDERS[image.provider] if image.provider else recognise(image.registry, image.repository)
        classified = as_trust_failure(image, provider.classify(failure))
        if classified is failure:
            raise
        raise classified from None


def _offer_sign_in_host(image: Image | ImageCheck, failure: HostNotAllowed) -> None:
    place = urlsplit(f"//{failure.sign_in_host}")
    if not may_connect(place.hostname or "", place.port or 443):
        failure.params["case"] = "service"  # nothing can be sent there, whatever a member says
        return
    failure.params["sign_in_offer"] = offer_of(
        failure.sign_in_host, organization_id=OrganizationId(image.organization_id), registry=image.registry
    )


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
        token_hosts=sign_in_hosts(opened.host) if opened else (),
        sign_in_host=opened.sign_in_host if opened else "",
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
