"""Trusts: how images are pulled without a secret. Adding, listing and removing them, and checking the whole way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from ninja import JSONL, Router, Status
from ninja.params.functions import Query

from groups.actions.checks import start_check
from groups.api.checks import MAX_WAIT_SECONDS, refuse_listeners, stream_check
from groups.api.credentials import read_reference
from groups.api.errors import not_found
from groups.api.lookup import find_project
from groups.api.representations import moment
from groups.api.responses import described_problems, reading, writing
from groups.api.schemas.trusts import Trust as TrustDocument
from groups.api.schemas.trusts import TrustCheckPrototype, TrustCollection, TrustPrototype, TrustWithUses
from groups.api.schemas.v1 import CheckLine
from registries.foundation.ids import TrustId
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ApiRequest, Project
from registries.models import Trust
from registries.providers.trust_kinds import TRUST_KINDS
from registries.secrets.trust_marks import is_marked
from registries.trusts import actions
from registries.trusts.actions import NewTrust
from registries.trusts.presentation import presentation_of, usual_project

router = Router(tags=["trusts"], exclude_unset=True)

MAX_USES = 50
ALL = "/organizations/{organization_name}/trusts"
ONE = ALL + "/{trust_id}"


@router.post(ALL, response=writing(TrustDocument, 201), operation_id="create_trust")
def create_trust(request: ApiRequest, organization_name: str, payload: TrustPrototype) -> Status[dict[str, object]]:
    """Add a trust. Nothing is asked; set up the other side with the `issuer`, `subject` and `audience` of the response,
    and check it."""
    project_id = None
    if payload.project is not None:
        try:
            project_id = find_project(request, payload.project).pk
        except Refusal:
            text = "There is no such project."
            raise Refusal(text, code="invalid", status=400, field="project") from None
    new = NewTrust(
        name=payload.name,
        provider=payload.provider,
        host=payload.host,
        settings=payload.settings,
        project_id=project_id,
    )
    row = actions.add_trust(new, organization_id=request.organization.pk, by=request.actor)
    return Status(201, _document(row, request, usual_project(request.organization.projects)))


@router.get(ALL, response=reading(TrustCollection), operation_id="list_trusts")
def list_trusts(request: ApiRequest, organization_name: str) -> dict[str, object]:
    """List the organization's trusts."""
    rows = Trust.objects.live().filter(organization=request.organization.pk).select_related("project")
    usual = usual_project(request.organization.projects)
    return {"items": [_document(row, request, usual) for row in rows]}


@router.get(ONE, response=reading(TrustWithUses), operation_id="get_trust")
def get_trust(request: ApiRequest, organization_name: str, trust_id: str) -> dict[str, object]:
    """Get a trust, with its latest uses."""
    row = _find(request, trust_id)
    uses = [
        {
            "pull": use.pull,
            "image": use.reference,
            "container_group": use.group_name,
            "subject": use.subject,
            "audience": use.audience,
            "jti": use.jti,
            "time": moment(use.issued_at),
            **({"outcome": use.outcome} if use.outcome else {}),
        }
        for use in row.uses.order_by("-issued_at", "-pk")[:MAX_USES]
    ]
    return {**_document(row, request, usual_project(request.organization.projects)), "uses": uses}


@router.delete(ONE, response=writing(None, 204), operation_id="delete_trust")
def delete_trust(request: ApiRequest, organization_name: str, trust_id: str) -> Status[None]:
    """Remove a trust. Pulls that would use it fail as `trust_refused`; what is stored stays."""
    actions.remove_trust(_find(request, trust_id), by=request.actor)
    return Status(204, None)


@router.post(
    ONE + "/check",
    response=JSONL[CheckLine],
    operation_id="check_trust",
    openapi_extra={"responses": described_problems()},
)
def check_trust(
    request: ApiRequest,
    organization_name: str,
    trust_id: str,
    payload: TrustCheckPrototype,
    wait: int = Query(60, ge=0, le=MAX_WAIT_SECONDS, description="Maximum number of seconds to wait for the result."),
) -> Iterator[dict[str, object]]:
    """Go the whole way of a pull by this trust, up to the image's manifest and size. The response is that of
    `check_image`."""
    refuse_listeners()
    row = _find(request, trust_id)
    reference = read_reference(payload.image, field="image")
    if reference.registry != row.host:
        text = f"This trust is for images at {row.host}."
        raise Refusal(text, code="image_elsewhere", status=400, field="image")
    check = start_check(organization_id=request.organization.pk, reference=reference, credential=row, by=request.actor)
    return stream_check(check, None, wait)


def _find(request: ApiRequest, trust_id: str) -> Trust:
    """Return the organization's trust of that id. Raises Refusal."""
    try:
        key = TrustId(uuid.UUID(trust_id))
    except ValueError:
        raise not_found() from None
    rows = Trust.objects.live().filter(organization=request.organization.pk).select_related("project", "organization")
    row = rows.filter(pk=key).first()
    if row is None:
        raise not_found()
    return row


def _document(row: Trust, request: ApiRequest, usual: Project | None) -> dict[str, object]:
    """Return a trust as responses have it. `usual` is the project whose subject one of the whole organization shows."""
    project = row.project or usual
    document: dict[str, object] = {
        "id": str(row.pk),
        "name": row.name,
        "provider": row.provider,
        "host": row.host,
        "settings": row.settings,
        "create_time": moment(row.created_at),
        "issuer": "",
        "subject": "",
        "audience": "",
    }
    kind = TRUST_KINDS.get(row.provider)
    if kind is not None and project is not None:
        shown = presentation_of(kind, row.host, row.settings, request.organization, project)
        document |= {"issuer": shown.issuer, "subject": shown.subject, "audience": shown.audience}
    if row.project is not None:
        document["project"] = row.project.slug
    if not is_marked(row):
        document["altered"] = True
    return document
