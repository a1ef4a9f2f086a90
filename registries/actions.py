"""What can be done to a credential: add, note its use, destroy. One mutation per function.

Who may do it is the portal's; when a pull has settled is `groups.ingest`'s to say.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from registries import remains
from registries.models import Credential
from registries.providers import PROVIDERS
from registries.seal import seal

HOUR_SECONDS = 3600


def add_credential(
    *,
    organization_id: Any,
    provider: str,
    name: str,
    host: str,
    values: dict[str, str],
    hold: str = Credential.Hold.PULL,
    ca: str = "",
    created_by_id: Any = None,
) -> Credential:
    """Check and repair `values` (by field name), seal the secret ones of them and store the credential. `ca` are
    authorities (`registries.authorities`) to trust besides.

    It may wait an hour for its first pull; `extend_for_pull` gives a pull the time it needs. Raises
    `CredentialMalformed` where the values can't work for this kind of registry.
    """
    kind = PROVIDERS[provider]
    values = kind.check(values, host)
    credential_id = uuid.uuid4()
    secrets = {each: values[each] for each in kind.secret_names if each in values}
    epoch, sealed = seal(secrets, organization_id=organization_id, credential_id=credential_id)
    return Credential.objects.create(
        id=credential_id,
        organization_id=organization_id,
        provider=provider,
        name=name,
        host=host,
        fields={each.name: values[each.name] for each in kind.fields if not each.secret and each.name in values},
        ca=ca,
        hold=hold,
        epoch=epoch,
        sealed=sealed,
        created_by_id=created_by_id,
        deadline=timezone.now() + timedelta(seconds=HOUR_SECONDS),
    )


def rename(credential_id: Any, *, name: str) -> None:
    """Call a credential, or its receipt, something else."""
    Credential.objects.filter(pk=credential_id).update(name=name)


def extend_for_pull(credential_id: Any, *, until: datetime) -> None:
    """Let a credential that is held for its pull live as long as that pull may take, and no longer. One that is
    held for an hour keeps its hour."""
    held = Credential.objects.held().filter(pk=credential_id, hold=Credential.Hold.PULL)
    held.filter(deadline__lt=until).update(deadline=until)


def note_use(credential_id: Any) -> None:
    """Write on the receipt that the credential was opened for a pull."""
    Credential.objects.filter(pk=credential_id).update(used_count=F("used_count") + 1, last_used_at=Now())


def note_shown(credential_id: Any, host: str) -> None:
    """Write on the receipt that what was opened is about to be shown to `host` (`host[:port]`)."""
    with transaction.atomic():
        credential = Credential.objects.select_for_update().filter(pk=credential_id).first()
        if credential is not None and host not in credential.used_hosts:
            Credential.objects.filter(pk=credential_id).update(used_hosts=[*credential.used_hosts, host])


def destroy(credential_id: Any, *, because: str) -> bool:
    """Empty the sealed value for good and keep the receipt. Returns whether it was still there."""
    return bool(_empty(Credential.objects.held().filter(pk=credential_id), because))


def destroy_overdue() -> int:
    """Destroy every credential whose deadline has passed; return how many."""
    return _empty(Credential.objects.expired(), Credential.Because.DEADLINE)


def _empty(credentials: QuerySet[Credential], because: str) -> int:
    emptied = credentials.update(sealed=None, epoch=None, destroyed_at=Now(), destroyed_because=because)
    if emptied:
        transaction.on_commit(remains.clear)
    return emptied


def pull_seconds() -> int:
    """How long a pull may take at most, with all its attempts."""
    return int(settings.PORTAL_PULL_RETRY_SECONDS) + HOUR_SECONDS
