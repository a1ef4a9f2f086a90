"""What an upgrade lost: where the database afterwards doesn't have what the dump of the one before says.

A change of the models that takes a column elsewhere adds one entry to the tables here.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from collections.abc import Callable

from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.core.serializers.python import Serializer
from django.db.models import Model

from groups.models import ContainerGroup, Instance, Occurrence, Quota
from portal.http import session_cookie
from portal.models import Activity, FailureCase, Webhook
from portal.notifications.webhooks import bound_to
from registries.foundation.ids import FailureId, OrganizationId
from registries.secrets import at_rest, session_data
from tests.support.previous_state import Json, PreviousState, Row

ORGANIZATION_TO_QUOTA = (*Quota.LIMITS, "suspended_at", "suspended_because")


def _activity(row: Row) -> Activity:
    return Activity.objects.select_related("text").get(pk=row.pk)


def _actor(row: Row) -> int | None:
    activity = _activity(row)
    return int(activity.actor_key) if activity.actor_key else None


def _case(row: Row) -> FailureCase:
    """Support's case of a failure, which has none as long as it is new and without a note."""
    key = FailureId(uuid.UUID(str(row.pk)))
    return FailureCase.objects.filter(failure_id=key).first() or FailureCase(failure_id=key)


def _group(row: Row) -> ContainerGroup:
    return ContainerGroup.objects.get(pk=str(row.pk))


def _instance(row: Row) -> Instance:
    return Instance.objects.get(pk=str(row.pk))


def _occurrence(row: Row) -> Occurrence:
    return Occurrence.objects.get(pk=str(row.pk))


def _session(row: Row) -> Session:
    """The row has a digest of the key that it had."""
    return Session.objects.get(pk=session_data.row_key(str(row.pk)))


def _session_data(row: Row) -> object:
    """What the dump has, if the encrypted data says the same."""
    now = json.loads(session_data.decrypt(_session(row).session_data, str(row.pk)))
    now.pop(session_cookie.MARK)
    before = str(row.fields["session_data"])
    return before if now == signing.loads(before, salt="django.contrib.sessions.SessionStore") else now


def _quota(column: str) -> Callable[[Row], object]:
    return lambda row: Quota.objects.values_list(column, flat=True).get(organization__pk=str(row.pk))


def _webhook_secret(column: str) -> Callable[[Row], object]:
    """The dumped bytes, if what is stored now opens to the same secret: it is encrypted again, bound to its address."""

    def value(row: Row) -> object:
        dumped, hook = row.fields[column], Webhook.objects.get(pk=str(row.pk))
        stored = getattr(hook, column)
        if dumped is None or stored is None:
            return stored
        before = at_rest.decrypt(base64.b64decode(str(dumped)), bound_to=f"webhook {hook.pk}")
        place = bound_to(hook.pk, OrganizationId(hook.organization_id), hook.address)
        return dumped if at_rest.decrypt(stored, bound_to=place) == before else None

    return value


MOVED: dict[str, Callable[[Row], object]] = {
    **{f"portal.webhook.{column}": _webhook_secret(column) for column in ("secret", "previous_secret")},
    **{f"portal.organization.{column}": _quota(column) for column in ORGANIZATION_TO_QUOTA},
    "portal.activity.actor": _actor,
    "portal.activity.actor_name": lambda row: _activity(row).text.actor_name,
    "portal.activity.verb": lambda row: _activity(row).action,
    "portal.activity.target": lambda row: _activity(row).text.target_name,
    "portal.activity.address": lambda row: _activity(row).text.link,
    "portal.activity.detail": lambda row: _activity(row).text.detail,
    "groups.containergroup.ended_well": lambda row: _group(row).succeeded_replicas,
    "groups.containergroup.ended_badly": lambda row: _group(row).failed_replicas,
    "groups.instance.avoids": lambda row: _instance(row).excluded_node_id,
    "groups.instance.avoids_until": lambda row: _instance(row).excluded_until,
    "groups.occurrence.told_at": lambda row: _occurrence(row).fanned_out_at,
    "groups.failure.state": lambda row: _case(row).state,
    "groups.failure.note": lambda row: _case(row).note,
    "sessions.session.session_data": _session_data,
    "sessions.session.expire_date": lambda row: _session(row).expire_date,
}
"""Where a column went: `"app.model.column"`, as it was called, to what reads its value in its new place, given the row
as it was. For example `"portal.organization.max_pulls": lambda row: Quota.objects.get(organization=row.pk).max_pulls`.
"""
DROPPED: dict[str, str] = {}
"""Columns whose values are gone on purpose: `"app.model.column"` to the reason."""
COUNTED: dict[str, Callable[[], int]] = {}
"""How many rows there are now of what was a model once: its label to what counts them in their new place."""
GONE = {
    "axes": "counted failed sign-ins for 15 minutes, and logged sign-ins, which the activity records too",
}
"""Apps whose tables are dropped, and why nothing is missed."""
GROWING = {"contenttypes.contenttype", "auth.permission"}
"""Models of which Django adds rows for models that are new."""


def lost_rows(before: PreviousState) -> list[str]:
    """Models that have another number of rows."""
    losses = []
    for label, count in Counter(row.model for row in before.rows).items():
        model = _model(label)
        if label.partition(".")[0] in GONE:
            continue
        if counted := COUNTED.get(label):
            now = counted()
        elif model is None:
            losses.append(f"{label} is gone: say in COUNTED where its {count} rows are")
            continue
        else:
            now = model._base_manager.count()
        if now != count and not (label in GROWING and now > count):
            losses.append(f"{label} had {count} rows and has {now}")
    return losses


def lost_values(before: PreviousState) -> list[str]:
    """Columns that don't have the value that the dump has."""
    losses = []
    for row in before.rows:
        if row.model.partition(".")[0] in GONE:
            continue
        now = _current_values(row)
        if now is None and any(f"{row.model}.{name}" not in MOVED.keys() | DROPPED.keys() for name in row.fields):
            losses.append(f"{row.model} {row.pk} is gone: say in MOVED where each of its columns went")
            continue
        for name, value in row.fields.items():
            column = f"{row.model}.{name}"
            if column in DROPPED:
                continue
            if column in MOVED:
                found = _as_dumped(MOVED[column](row))
            elif now is None or name not in now:
                losses.append(f"{column} of {row.pk} is gone: say in MOVED where it went")
                continue
            else:
                found = now[name]
            if found != value:
                losses.append(f"{column} of {row.pk} was {value!r} and is {found!r}")
    return losses


def _current_values(row: Row) -> dict[str, Json] | None:
    """What today's model has in this row, by column; None where there is no such model or row."""
    model = _model(row.model)
    instance = model._base_manager.filter(pk=row.pk).first() if model else None
    if instance is None:
        return None
    [dumped] = Serializer().serialize([instance])
    return {name: _as_dumped(value) for name, value in dumped["fields"].items()}


def _as_dumped(value: object) -> Json:
    """A value as in a dump: times in ISO 8601, bytes in base64."""
    if isinstance(value, bytes | memoryview):
        value = base64.b64encode(value).decode()
    dumped: Json = json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    return dumped


def _model(label: str) -> type[Model] | None:
    """Today's model of this label, where there still is one."""
    try:
        return apps.get_model(label)
    except LookupError:
        return None
