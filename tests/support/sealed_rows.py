"""Rows of keys and invitations that a test changed, sealed again as if the portal had created them so."""

from __future__ import annotations

from portal.models import ApiKey, Invitation
from portal.organizations import api_key_rows, invitation_links
from registries.secrets.one_time import Purpose, seal_of


def seal_again() -> None:
    """Seal every key and invitation as it is now."""
    for key in ApiKey.objects.all():
        ApiKey.objects.filter(pk=key.pk).update(
            seal=seal_of(key.key_hash, Purpose.API_KEY, *api_key_rows.sealed_columns(key))
        )
    for row in Invitation.objects.all():
        Invitation.objects.filter(pk=row.pk).update(
            seal=seal_of(row.token_hash, Purpose.INVITATION, *invitation_links.sealed_columns(row))
        )
