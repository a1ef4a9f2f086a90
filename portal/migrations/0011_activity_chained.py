"""The rows of the activity so far become chains, each organization's in the order in which they were written."""

import hashlib
import json
import secrets
from datetime import UTC

from django.db import migrations

FORMAT = 1
TEXT_FIELDS = ("actor_name", "client_address", "target_name", "detail", "link", "before", "after")


def chain(apps, schema_editor):
    Activity, Text, Head = (apps.get_model("portal", name) for name in ("Activity", "ActivityText", "ActivityHead"))
    heads = {}
    for row in Activity.objects.order_by("id").iterator():
        kind = _kind(row)
        text = Text(
            activity_id=row.pk,
            salt=secrets.token_hex(16),
            actor_name=row.actor_name,
            target_name=row.target,
            detail=row.detail,
            link=row.address,
        )
        row.number, row.previous = heads.get(row.organization_id, (0, ""))
        row.number += 1
        row.actor_kind, row.actor_key = kind, str(row.actor_id or "")
        row.digest = digest_of(text)
        row.hash = hash_of(row)
        row.save()
        text.save(force_insert=True)
        heads[row.organization_id] = row.number, row.hash
    Head.objects.bulk_create(
        Head(chain=str(organization_id), number=number, hash=newest)
        for organization_id, (number, newest) in heads.items()
    )


def unchain(apps, schema_editor):
    Activity, Text, User = (apps.get_model("portal", name) for name in ("Activity", "ActivityText", "User"))
    people = set(User.objects.values_list("pk", flat=True))
    for row in Activity.objects.select_related("text").iterator():
        text = getattr(row, "text", None) or Text()
        row.actor_name, row.target, row.detail, row.address = text.actor_name, text.target_name, text.detail, text.link
        is_person = row.actor_kind == "person" and row.actor_key.isdecimal() and int(row.actor_key) in people
        row.actor_id = int(row.actor_key) if is_person else None
        row.save()


def digest_of(text):
    return _sha256([FORMAT, text.salt, *(getattr(text, name) for name in TEXT_FIELDS)])


def hash_of(row):
    written = row.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    who = [row.actor_kind, row.actor_key, row.target_kind, row.target_key, row.request_id]
    return _sha256(
        [FORMAT, row.organization_id, row.number, written, row.action, *who, row.digest, row.previous]
    )


def _sha256(values):
    canonical = json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _kind(row):
    if row.actor_id is not None:
        return "person"
    if row.actor_name == "Drayage":
        return "operator"
    return "api_key" if row.actor_name.startswith("API key ") else "person"


class Migration(migrations.Migration):
    dependencies = [("portal", "0010_activity_columns")]

    operations = [migrations.RunPython(chain, unchain)]
