"""Checks of an image before it is used: a worker runs the steps of a pull, and the response streams them.

The credential is destroyed when the check ends or the client disconnects.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from django.db import close_old_connections
from ninja import JSONL, Router
from ninja.params.functions import Query

from groups.actions.checks import start_check
from groups.api.credentials import new_credential, read_reference
from groups.api.representations import describe_failure, step_document
from groups.api.responses import described_problems
from groups.api.schemas.v1 import CheckLine, CheckPrototype
from groups.ingest.credential_hold import destroy_checked
from groups.models import ImageCheck
from groups.queries.check_report import check_report
from registries.foundation.ids import CredentialId
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ApiRequest
from registries.oci.platform import Platform
from registries.trusts.rows import find_trust

router = Router(tags=["checks"], exclude_unset=True)

POLL_SECONDS = 0.25
MAX_WAIT_SECONDS = 120
MAX_LISTENERS = 4
"""Responses of one web process that may wait for checks at the same time; each occupies a thread."""

_listening = 0
_lock = threading.Lock()


@router.post(
    "/organizations/{organization_name}/checks",
    response=JSONL[CheckLine],
    operation_id="check_image",
    openapi_extra={"responses": described_problems()},
)
def check_image(
    request: ApiRequest,
    organization_name: str,
    payload: CheckPrototype,
    wait: int = Query(60, ge=0, le=MAX_WAIT_SECONDS, description="Maximum number of seconds to wait for the result."),
) -> Iterator[dict[str, object]]:
    """Check an image: its registry, the credential, the manifest, the platform and the size. The response has a line of
    JSON when a step begins and when it ends, and a last line with the result as far as it is known."""
    refuse_listeners()
    reference = read_reference(payload.image, field="image")
    credential = new_credential(
        payload.registry_authentication,
        reference,
        name=f"to check {reference.repository}",
        field="registry_authentication",
    )
    row = start_check(
        organization_id=request.organization.pk,
        reference=reference,
        credential=credential or find_trust(request.organization.pk, None, reference.registry),
        platform=_platform(payload.platform),
        by=request.actor,
    )
    return stream_check(row, row.credential_id, wait)


def refuse_listeners() -> None:
    """Raise Refusal while too many clients wait for checks."""
    if _listening >= MAX_LISTENERS:
        text = "Too many clients are waiting for checks. Try again in a few seconds."
        raise Refusal(text, code="too_many_checks", status=429, retry_after=5)


def _platform(text: str | None) -> str:
    """Raises Refusal."""
    try:
        return Platform.parse(text).machine if text else ""
    except ValueError:
        raise Refusal(
            "Write it as os/architecture, such as linux/arm64.", code="invalid", status=400, field="platform"
        ) from None


def stream_check(row: ImageCheck, credential_id: CredentialId | None, wait: int) -> Iterator[dict[str, object]]:
    """Yield a line when a step begins and when it ends, and a last one with the result as far as it is known. Then
    destroys the credential that was sent for this check, if there is one. `wait` is in seconds."""
    reported: dict[str, str] = {}
    end = time.monotonic() + wait
    _count(1)
    try:
        while True:
            row.refresh_from_db()
            for step in check_report(row).steps:
                if step.outcome != "waiting" and reported.get(step.name) != step.outcome:
                    reported[step.name] = step.outcome
                    yield {"step": step_document(step)}
            if row.is_over or time.monotonic() > end:
                yield {"result": _result(row)}
                return
            time.sleep(POLL_SECONDS)
    finally:
        _count(-1)
        if credential_id is not None:
            destroy_checked(credential_id)
        close_old_connections()


def _count(more: int) -> None:
    global _listening
    with _lock:
        _listening += more


def _result(row: ImageCheck) -> dict[str, object]:
    result: dict[str, object] = {
        "status": row.status,
        "image": row.reference,
        "tags": [str(tag) for tag in row.tags],
        "public": row.public,
    }
    known = {
        "digest": row.digest,
        "platform": row.found_platform,
        "size": row.size,
        "limit": row.limit,
        "layers": row.layer_count,
        "platforms": [str(one["platform"]) for one in row.platforms],
    }
    result |= {name: value for name, value in known.items() if value}
    if row.code:
        result["failure"] = describe_failure(row)
    return result
