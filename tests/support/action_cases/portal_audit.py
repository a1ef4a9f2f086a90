"""Actions on the activity itself."""

from __future__ import annotations

from functools import partial

from portal.audit.erasure import erase_text
from portal.models import Activity
from registries.foundation.activity import Target, record
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting


def _erase_text(cast: Cast) -> Call:
    record(acting(cast.alice), "group.started", Target("group", 1, "web"), organization_id=cast.acme.pk)
    row = Activity.objects.filter(organization=cast.acme).latest("number")
    return partial(erase_text, row, reason="a secret in a name", by=acting(cast.olga))


CASES = [Case("portal.audit.erasure.erase_text", _erase_text)]
