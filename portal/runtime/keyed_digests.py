"""Digests that a previous version stored without a key get one, once (`registries.secrets.one_time`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import models, transaction

from groups.models import Enrolment, NodeToken
from portal.models import ApiKey, Invitation, PasswordReset
from portal.organizations import api_key_rows, invitation_links
from registries.secrets import keyring
from registries.secrets.one_time import Purpose, is_earlier, keyed, seal_of

STEP = "digests-keyed"
BATCH = 500


def key_existing() -> int:
    """Give every earlier digest a key, and seal its row, when this version is first run; return how many. Done once: a
    file in the worker zone's key folder says so, so that nobody gets the portal to do it to a row of his own later.
    Raises `keyring.KeyUnavailable`."""
    if keyring.is_done(STEP):
        return 0
    with transaction.atomic():
        count = (
            _key(NodeToken, "token_hash", Purpose.NODE_TOKEN)
            + _key(NodeToken, "session_hash", Purpose.NODE_SESSION)
            + _key(Enrolment, "code_hash", Purpose.ENROLMENT)
            + _key(PasswordReset, "token_hash", Purpose.PASSWORD_LINK, owner=lambda row: str(row.person_id))
            + _key(ApiKey, "key_hash", Purpose.API_KEY, seals=api_key_rows.sealed_columns)
            + _key(Invitation, "token_hash", Purpose.INVITATION, seals=invitation_links.sealed_columns)
        )
    keyring.mark_done(STEP)
    return count


def _key(
    table: type[models.Model],
    column: str,
    purpose: Purpose,
    *,
    owner: Callable[..., str] = lambda row: "",
    seals: Callable[..., tuple[str, ...]] | None = None,
) -> int:
    count = 0
    for rows in _batches(table):
        changed = [row for row in rows if is_earlier(getattr(row, column) or "")]
        for row in changed:
            digest = keyed(getattr(row, column), purpose, owner(row))
            setattr(row, column, digest)
            if isinstance(row, ApiKey | Invitation) and seals is not None:
                row.seal = seal_of(digest, purpose, *seals(row))
        table._default_manager.bulk_update(changed, [column, *(["seal"] if seals else [])])
        count += len(changed)
    return count


def _batches(table: type[models.Model]) -> Iterator[list[models.Model]]:
    """All rows, some at a time, in the order of their keys."""
    keys = list(table._default_manager.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        yield list(table._default_manager.filter(pk__in=keys[start : start + BATCH]))
