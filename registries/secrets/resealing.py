"""Sealing once more what a previous version sealed without its destination. For `manage.py prepare`, with both keys.

It happens once, when this version first runs: a file in the worker zone's key folder says that it is done. From then on
a worker opens only values that are bound to their destination, so an old value that is put back into the database opens
nothing.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction

from registries.models import Credential
from registries.secrets import keyring
from registries.secrets.credential_binding import binding_of
from registries.secrets.credential_seal import SealBroken, seal, unseal_previous_format
from registries.secrets.epochs import HOUR_SECONDS, max_credential_seconds

log = structlog.get_logger(__name__)

STEP = "credentials-bound"


def reseal_previous_format() -> int:
    """Seal every held credential of the previous format with what its row says now, unless this was done before; return
    how many. One that can't be opened stays as it is, and is destroyed when it is needed or its time is over. Raises
    `keyring.KeyUnavailable`."""
    if keyring.is_done(STEP):
        return 0
    keys = list(Credential.objects.held().filter(latest_deadline__isnull=True).values_list("pk", flat=True))
    resealed = 0
    for key in keys:
        with transaction.atomic():
            row = Credential.objects.held().select_for_update(no_key=True).filter(pk=key).first()
            if row is None or row.sealed is None or row.epoch is None:
                continue
            try:
                secrets = unseal_previous_format(
                    row.sealed, epoch=row.epoch, organization_id=row.organization_id, credential_id=row.pk
                )
            except SealBroken as error:
                log.warning("credential_not_resealed", credential=str(row.pk), reason=str(error))
                continue
            seconds = HOUR_SECONDS if row.hold == Credential.Retention.HOUR else max_credential_seconds()
            row.latest_deadline = max(row.deadline, row.received_at + timedelta(seconds=seconds))
            row.epoch, row.sealed = seal(secrets, binding_of(row))
            row.save(update_fields=["latest_deadline", "epoch", "sealed"])
            resealed += 1
    keyring.mark_done(STEP)
    return resealed
