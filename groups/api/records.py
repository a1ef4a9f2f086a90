"""Records: the steps of pulls, failures, deliveries to nodes, and credential receipts."""

from __future__ import annotations

from ninja import Router

from groups.api.container_groups import ONE
from groups.api.lookup import find_group
from groups.api.representations import describe_failure, moment, step_document
from groups.api.responses import reading
from groups.api.schemas.v1 import DeliveryCollection, FailureCollection, PullCollection, ReceiptCollection
from groups.models import Failure, Image, Redemption
from groups.queries import delivery_ledger
from groups.queries.pull_steps import step_lines
from groups.rules.sealed_settings import MASK
from registries.foundation.clock import database_now
from registries.foundation.requests import ApiRequest
from registries.models import Credential

router = Router(tags=["records"], exclude_unset=True)

MAX_LISTED = 100
MAX_REFUSALS = 500
_ORGANIZATION = "/organizations/{organization_name}"


@router.get(ONE + "/pulls", response=reading(PullCollection), operation_id="list_pulls")
def list_pulls(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> dict[str, object]:
    """List the pull of the group's image, and of the image that will replace it, with their steps and layers."""
    group = find_group(request, project_name, container_group_name)
    return {"items": [_pull(image, request) for image in (group.image, group.next_image) if image is not None]}


@router.get(ONE + "/failures", response=reading(FailureCollection), operation_id="list_group_failures")
def list_group_failures(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> dict[str, object]:
    """List the failed pulls of this group, newest first."""
    group = find_group(request, project_name, container_group_name)
    return {"items": [_failure(failure) for failure in group.failures.order_by("-created_at")[:MAX_LISTED]]}


@router.get(ONE + "/deliveries", response=reading(DeliveryCollection), operation_id="list_deliveries")
def list_deliveries(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> dict[str, object]:
    """List the deliveries of this group, newest first: each token a node received, what was sent, what was refused."""
    group = find_group(request, project_name, container_group_name)
    tokens = list(delivery_ledger.tokens_of(group)[:MAX_LISTED])
    refused = delivery_ledger.refusals_by_token(tokens, limit=MAX_REFUSALS)
    return {"items": [_delivery(token, refused.get(token.pk, [])) for token in tokens]}


@router.get(_ORGANIZATION + "/failures", response=reading(FailureCollection), operation_id="list_failures")
def list_failures(request: ApiRequest, organization_name: str) -> dict[str, object]:
    """List all failed pulls, newest first, including those of deleted groups."""
    rows = Failure.objects.filter(organization=request.organization.pk).order_by("-created_at")
    return {"items": [_failure(failure) for failure in rows[:MAX_LISTED]]}


@router.get(_ORGANIZATION + "/receipts", response=reading(ReceiptCollection), operation_id="list_receipts")
def list_receipts(request: ApiRequest, organization_name: str) -> dict[str, object]:
    """List credential receipts, newest first: when each was received, where it was used, when and why it was
    destroyed."""
    rows = Credential.objects.filter(organization=request.organization.pk).order_by("-received_at")
    return {"items": [_receipt(credential) for credential in rows[:MAX_LISTED]]}


def _pull(image: Image, request: ApiRequest) -> dict[str, object]:
    now = database_now()
    rows = list(image.steps.filter(attempt=image.attempt).order_by("id"))
    steps = step_lines(rows, now, whole=image.status != Image.Status.READY)
    document: dict[str, object] = {
        "image": image.reference,
        "status": image.status,
        "attempt": image.attempt,
        "steps": [step_document(step) for step in steps],
        "layers": [
            {
                "digest": layer.digest,
                "size": layer.size,
                "received": layer.received,
                "stored": layer.committed_at is not None,
                # A command of the image's build, which may have arguments that are secret.
                "created_by": layer.created_by if request.may_write or not layer.created_by else MASK,
            }
            for layer in image.layers.order_by("position")
        ],
    }
    if image.not_before is not None:
        document["next_attempt"] = moment(image.not_before)
    if image.digest:
        document |= {"digest": image.digest, "platform": image.platform}
    if image.total_bytes is not None:
        document["size"] = image.total_bytes
    return document


def _failure(row: Failure) -> dict[str, object]:
    return {
        "id": str(row.pk),
        "container_group": row.group_name,
        "image": row.reference,
        "step": row.step,
        "failure": describe_failure(row),
        "raw": row.raw,
        "attempt": row.attempt,
        "create_time": moment(row.created_at),
    }


def _delivery(token: delivery_ledger.LedgerToken, refused: list[Redemption]) -> dict[str, object]:
    document: dict[str, object] = {
        "id": str(token.pk),
        "node": token.node_name,
        "digest": token.manifest_digest,
        "issued": moment(token.issued_at),
        "layers_sent": token.whole,
        "bytes_sent": token.sent,
        "refused": [
            {"reason": row.reason, "presented_by": row.presented_by, "time": moment(row.created_at)}
            | ({"address": row.address} if row.address is not None else {})
            for row in refused
        ],
    }
    if token.redeemed_at is not None:
        document["redeemed"] = moment(token.redeemed_at)
    if token.redeemed_from is not None:
        document["redeemed_from"] = token.redeemed_from
    if token.repeated_at is not None:
        document["repeated"] = moment(token.repeated_at)
    if token.ended_at is not None:
        document |= {"ended": moment(token.ended_at), "ended_because": token.ended_because}
    return document


def _receipt(row: Credential) -> dict[str, object]:
    document: dict[str, object] = {
        "id": str(row.pk),
        "name": row.name,
        "registry": row.host,
        "kind": row.provider,
        "received": moment(row.received_at),
        "used_count": row.used_count,
        "used_hosts": row.used_hosts,
        "kept_until": moment(row.deadline),
    }
    if row.last_used_at is not None:
        document["last_used"] = moment(row.last_used_at)
    if row.destroyed_at is not None:
        document |= {"destroyed": moment(row.destroyed_at), "destroyed_because": row.get_destroyed_because_display()}
    return document
