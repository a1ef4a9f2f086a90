"""Second factors are encrypted again, each bound to its person and kind: so far all were bound to the same words.

A row that can't be decrypted stays as it is. Its person can't use that factor, as before, and an operator removes it.
"""

from __future__ import annotations

import base64
from typing import Any

from django.db import migrations

from registries.secrets import at_rest

BEFORE = "second factor"
FIELDS = {"totp": "secret", "recovery_codes": "seed"}


def _after(row: Any) -> str:
    return f"second factor {row.type} of person {row.user_id}"


def _encrypt_again(apps: Any, source: Any, target: Any) -> None:
    """Encrypt the secret of every row again, from what `source(row)` says it is bound to, to `target(row)`."""
    for row in apps.get_model("mfa", "Authenticator").objects.filter(type__in=FIELDS):
        field = FIELDS[row.type]
        try:
            plain = at_rest.decrypt(base64.b64decode(str(row.data.get(field, ""))), bound_to=source(row))
        except (at_rest.AtRestBroken, ValueError):
            continue
        row.data[field] = base64.b64encode(at_rest.encrypt(plain, bound_to=target(row))).decode()
        row.save(update_fields=["data"])


def bind(apps: Any, schema_editor: Any) -> None:
    _encrypt_again(apps, lambda row: BEFORE, _after)


def unbind(apps: Any, schema_editor: Any) -> None:
    _encrypt_again(apps, _after, lambda row: BEFORE)


class Migration(migrations.Migration):
    dependencies = [("portal", "0019_password_reset"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [migrations.RunPython(bind, unbind)]
