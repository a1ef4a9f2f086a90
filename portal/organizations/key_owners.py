"""API keys of releases before keys had owners get one, once."""

from __future__ import annotations

from django.db import transaction

from portal.models import ApiKey
from portal.organizations.api_key_rows import earlier_columns, seal_of
from portal.organizations.rules import is_owner
from registries.secrets import keyring, one_time
from registries.secrets.one_time import Purpose, is_earlier

STEP = "keys-owned"


def own_existing() -> int:
    """Make whoever created a key its owner, if they are an owner of the organization, and seal each key again, when
    this version is first run; return how many. A key whose earlier seal doesn't fit stays as it is, and doesn't work.
    Done once: a file in the worker zone's key folder says so. Raises `keyring.KeyUnavailable`."""
    if keyring.is_done(STEP):
        return 0
    count = 0
    with transaction.atomic():
        for row in ApiKey.objects.filter(revoked_at__isnull=True).order_by("pk").select_for_update(no_key=True):
            without_key = is_earlier(row.key_hash)  # of a release before seals: it is sealed when it gets a key
            if not without_key and not _is_sealed_earlier(row):
                continue
            if row.created_by_id is not None and is_owner(row.created_by_id, row.organization_id):
                row.owner_id = row.created_by_id
            if not without_key:
                row.seal = seal_of(row)
            row.save(update_fields=["owner", "seal"])
            count += 1
    keyring.mark_done(STEP)
    return count


def _is_sealed_earlier(row: ApiKey) -> bool:
    return one_time.is_sealed(row.seal, row.key_hash, Purpose.API_KEY, *earlier_columns(row))
