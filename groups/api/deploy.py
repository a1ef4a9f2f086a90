"""Deploying: pull another image for a group, and run it instead once it is there."""

from __future__ import annotations

from ninja import Router, Status

from groups.actions.update import GroupChanges, update
from groups.api.container_groups import ONE, group_response
from groups.api.credentials import new_credential, read_reference
from groups.api.errors import not_found
from groups.api.lookup import find_group
from groups.api.responses import writing
from groups.api.schemas.deploy import Deploy
from groups.api.schemas.group import ContainerGroup
from groups.models import ContainerGroup as Group
from groups.rules.states import Stale
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ApiRequest
from registries.oci.reference import Reference, parse

router = Router(tags=["container_groups"], by_alias=True, exclude_unset=True)


@router.post(ONE + "/deploy", response=writing(ContainerGroup, 202), operation_id="deploy_container_group")
def deploy_container_group(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str, payload: Deploy
) -> Status[dict[str, object]]:
    """Pull another image for the group, or what its tag points to now, and run it instead once it is pulled. A failed
    group is pulled again. `pending_change` is true until the pull has ended; `list_pulls` has its steps."""
    group = find_group(request, project_name, container_group_name)
    reference = _reference(group, payload)
    changes = GroupChanges(
        reference=reference,
        credential=new_credential(
            payload.registry_authentication,
            reference,
            name=f"to deploy {group.name}",
            field="registry_authentication",
        ),
        credential_once=True,
        pulls_again=True,
    )
    try:
        update(group, changes, by=request.actor)
    except Stale:
        raise not_found() from None
    return Status(202, group_response(request, project_name, container_group_name))


def _reference(group: Group, payload: Deploy) -> Reference:
    """Return the image to pull. Raises Refusal."""
    if (payload.image is None) == (payload.tag is None):
        text = "Send either image or tag."
        raise Refusal(text, code="invalid", status=400, field="tag" if payload.image is None else "image")
    if payload.image is not None:
        return read_reference(payload.image, field="image")
    present = parse((group.next_image or group.image).reference)
    sign = "@" if (payload.tag or "").startswith("sha256:") else ":"
    return read_reference(f"{present.registry}/{present.repository}{sign}{payload.tag}", field="tag")
