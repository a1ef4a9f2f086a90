"""Secrets of webhooks are encrypted again, each bound to its organization and address too: so far to the row's id."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from registries.secrets import at_rest

FIELDS = ("secret", "previous_secret")


def _before(row: Any) -> str:
    return f"webhook {row.pk}"


def _after(row: Any) -> str:
    return f"webhook {row.pk} of organization {row.organization_id} at {row.address}"


def _encrypt_again(apps: Any, source: Any, target: Any) -> None:
    """Encrypt every secret again, from what `source(row)` says it is bound to, to `target(row)`. One that can't be
    decrypted stays."""
    for row in apps.get_model("portal", "Webhook").objects.all():
        for field in FIELDS:
            stored = getattr(row, field)
            if not stored:
                continue
            try:
                plain = at_rest.decrypt(stored, bound_to=source(row))
            except at_rest.AtRestBroken:
                continue
            setattr(row, field, at_rest.encrypt(plain, bound_to=target(row)))
        row.save(update_fields=FIELDS)


def bind(apps: Any, schema_editor: Any) -> None:
    _encrypt_again(apps, _before, _after)


def unbind(apps: Any, schema_editor: Any) -> None:
    _encrypt_again(apps, _after, _before)


class Migration(migrations.Migration):
    dependencies = [("portal", "0020_second_factors_bound")]

    operations = [migrations.RunPython(bind, unbind)]
