"""Opening a credential for the one image and registry that it was entered for. Worker zone only.

The worker acts on what it unsealed, never on the columns of the credential's row: those, and the row of the pull or
check, only have to say the same. Where they don't, somebody wrote to the database past the portal. The secret is then
sent to no one.

The opened value exists only in the client that is made with it; it is never written or logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from django.conf import settings

from groups.ingest.credential_hold import destroy_tampered
from groups.models import Image, ImageCheck
from registries.credential_rows import note_use, note_used_host
from registries.failures import CredentialExpired, CredentialTampered
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId
from registries.hosts import address_guard
from registries.models import Credential
from registries.oci.login import Login
from registries.oci.timeouts import Timeouts
from registries.oci.transport import Session
from registries.providers import PROVIDERS
from registries.secrets import ended
from registries.secrets.credential_binding import Binding
from registries.secrets.credential_seal import SealBroken, SealKeyGone, Unsealed, unseal
from registries.secrets.epochs import MAX_CLOCK_DIFFERENCE

log = structlog.get_logger(__name__)

LOGIN_TIMEOUTS = Timeouts(connect=10, read=20, head=20, document=20)
"""For requests of a login from another service."""


@dataclass(frozen=True, slots=True)
class OpenedCredential:
    """A login, and what goes with it: the only host that it is for, the kind of registry, and the authorities (PEM)
    that are trusted in addition. That was sealed with a credential, or is a trust's. `sign_in_host` is where a member
    confirmed that the registry signs in."""

    login: Login = field(repr=False)
    host: str
    provider: str
    ca: str
    sign_in_host: str = ""


def open_credential(image: Image | ImageCheck) -> OpenedCredential | None:
    """Open the image's credential and note the use on its receipt. Returns None for an image without credentials.

    Raises CredentialExpired where the credential is gone or its time is over; CredentialTampered where its row, or the
    image's, is not as it was sealed, after destroying a credential whose own row was changed; CredentialMalformed where
    it can't work for this kind of registry.
    """
    if not image.provider:
        return None
    if image.credential_id is None:
        raise CredentialExpired()
    row = Credential.objects.filter(pk=image.credential_id).first()
    if row is None or row.sealed is None or row.epoch is None:
        raise CredentialExpired()
    opened = _unseal(row, bytes(row.sealed), row.epoch)
    _check_time(row, opened.binding)
    _check_image(image, opened.binding)
    binding = opened.binding
    provider, values = PROVIDERS[binding.provider], {**binding.fields, **opened.secrets}
    provider.check(values, binding.host)
    note_use(binding.credential_id)
    if provider.exchange_host is not None:
        note_used_host(binding.credential_id, provider.exchange_host(binding.host))
    login = provider.login(values, binding.host, _connect)
    # The row's own sign-in host: it is the sealed one, or was confirmed since, as `_unseal` has checked.
    return OpenedCredential(login, binding.host, binding.provider, binding.ca, row.sign_in_host)


def _connect(host: str) -> Session:
    """Open connections for what a kind asks other hosts on behalf of the registry at `host`, within the operator's
    rules."""
    return Session(host, address_guard(), settings.PORTAL_REGISTRY_CA_FILE, LOGIN_TIMEOUTS)


def _unseal(row: Credential, sealed: bytes, epoch: int) -> Unsealed:
    """Open the sealed value and compare it with its row. Raises CredentialExpired where the key is gone,
    CredentialTampered after destroying the credential."""
    organization_id, changed = OrganizationId(row.organization_id), "the sealed value"
    if not ended.has_ended(ended.Kind.CREDENTIAL, str(row.pk)):
        try:
            opened = unseal(sealed, epoch=epoch, credential_id=row.pk)
        except SealKeyGone as error:
            log.warning("credential_key_gone", credential=str(row.pk), reason=str(error))
            raise CredentialExpired(raw="seal") from None
        except SealBroken as error:
            log.error("credential_seal_broken", credential=str(row.pk), reason=str(error))
        else:
            columns = opened.binding.changed_columns(row)
            if not columns:
                return opened
            organization_id, changed = opened.binding.organization_id, ", ".join(columns)
    else:
        changed = "it had been destroyed before"
    log.error("credential_tampered", credential=str(row.pk), changed=changed)
    destroy_tampered(row, organization_id=organization_id, changed=changed)
    raise CredentialTampered(raw="credential")


def _check_time(row: Credential, binding: Binding) -> None:
    """Check the deadlines by the database's clock. The worker's own only ends what the database's doesn't end: their
    difference is allowed for. Raises CredentialExpired."""
    if min(row.deadline, binding.latest_deadline) <= database_now():
        raise CredentialExpired()
    if binding.latest_deadline + MAX_CLOCK_DIFFERENCE < datetime.now(UTC):
        log.error("credential_past_deadline_by_own_clock", credential=str(row.pk))
        raise CredentialExpired(raw="clock")


def _check_image(image: Image | ImageCheck, binding: Binding) -> None:
    """Check that the pull or check is of the organization, host and repository that the credential was entered for.
    Raises CredentialTampered: the portal stores no row that differs."""
    differs = [
        column
        for column, value, sealed in (
            ("organization", image.organization_id, binding.organization_id),
            ("registry", image.registry, binding.host),
            ("kind", image.provider, binding.provider),
            ("repository", image.repository, binding.repository or image.repository),
        )
        if value != sealed
    ]
    if differs:
        log.error("credential_refused_for_image", image=str(image.pk), differs=", ".join(differs))
        raise CredentialTampered(raw="image")
