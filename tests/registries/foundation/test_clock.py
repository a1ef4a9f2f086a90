"""The database's clock decides: who asks for its time, and who may read another clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from django.db.models import DateField
from django.utils import timezone

from registries.foundation.clock import database_now
from tests.support.product_modules import MODULES

OTHER_CLOCKS = re.compile(
    r"timezone\.(now|local)|\btime\.time\b|\btime\.time_ns|datetime\.(now|utcnow|today)|date\.today|from time import"
)


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_it_is_the_databases_time_whatever_this_process_thinks(hours: int, django_assert_num_queries: Any) -> None:
    really = datetime.now(UTC)
    with time_machine.travel(really + timedelta(hours=hours)):
        with django_assert_num_queries(1):
            now = database_now()
        off = timezone.now() - now

    assert abs(now - really) < timedelta(minutes=1)
    assert abs(off - timedelta(hours=hours)) < timedelta(minutes=1)
    assert now.utcoffset() == timedelta(0)


@pytest.mark.django_db
def test_it_moves_on_within_a_transaction() -> None:
    assert connection.in_atomic_block
    before = database_now()
    while (after := database_now()) == before:
        pass

    assert after > before


def test_no_column_is_stamped_by_a_process() -> None:
    columns = [
        field
        for app in ("registries", "groups", "portal")
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.local_fields
        if isinstance(field, DateField)
    ]
    stamped = [field for field in columns if field.has_default() or field.auto_now or field.auto_now_add]

    assert len(columns) > 60
    assert [str(field) for field in stamped if str(field) != "portal.User.date_joined"] == []


def test_the_clock_of_a_process_is_compared_with_nothing_of_the_database() -> None:
    readers = {name for name, path in MODULES.items() if OTHER_CLOCKS.search(path.read_text())}

    assert readers == {
        "groups.agent.events",  # the agent's own log
        "groups.agent.identity",  # what a node signs
        "groups.ingest.opened_credential",  # so that a database can't keep a credential alive; see decision 14
        "groups.nodes.authentication",  # against what a node has signed
        "groups.nodes.vouching",  # so that a database can't prolong a code; see decision 15
        "groups.storage.garbage",  # the earlier of the two clocks, against the store's
        "groups.worker",  # what a worker reports of itself in Redis
        "portal.accounts.factor_actions",  # what a person reads of their recovery codes
        "portal.accounts.fresh_sign_in",  # against what is in a session's encrypted content
        "portal.accounts.limits_cache",  # as Django's own cache does
        "portal.accounts.notices",  # what a mail says
        "portal.accounts.session_limits",  # against what is in a session's encrypted content
        "portal.accounts.sessions",  # as Django's own sessions do
        "portal.accounts.sso.session",  # against what is in a session's encrypted content
        "portal.api.rate",  # minutes of calls, counted in Redis
        "portal.notifications.sending",  # what a message is signed with, for its receiver
        "portal.runtime.http_connection",  # waitress's clock of a connection
        "portal.templatetags.drayage",  # words for people
        "registries.oci.errors",  # against a date that a registry sent
        "registries.secrets.ended",  # against files of notes
        "registries.secrets.keyring",  # against files of keys
        "registries.secrets.tls_notes",  # against files of notes
    }
