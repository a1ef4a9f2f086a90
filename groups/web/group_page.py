"""The page of one group, which the views of its forms return too when a form has errors."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from groups.models import ContainerGroup
from groups.queries.etags import group_version
from groups.queries.group_detail import group_detail
from groups.rules.sealed_settings import open_environment
from groups.web.forms import DeleteForm, ScaleForm
from groups.web.image_field import NONE, reading_context
from groups.web.requests import form_status
from registries.foundation.requests import ProjectRequest


def group_page(
    request: ProjectRequest,
    group: ContainerGroup,
    *,
    delete_form: DeleteForm | None = None,
    scale_form: ScaleForm | None = None,
) -> HttpResponse:
    """Return the group's page. A form that is given was sent and has errors: the status is 422 then."""
    version = group_version(group.project_id, group.name, request.role)
    context = {
        "group": group,
        "detail": group_detail(group),
        "version": version,
        "variables": list(open_environment(group)),
        "delete_form": delete_form or DeleteForm(expected=group.name),
        "scale_form": scale_form or ScaleForm(initial={"replicas": group.replicas}),
        **_upstream(request, group),
    }
    return render(request, "groups/detail.html", context, status=form_status(delete_form, scale_form))


def _upstream(request: ProjectRequest, group: ContainerGroup) -> dict[str, object]:
    """The form that asks whether the tag has moved. It takes a new credential: the one of the pull is destroyed."""
    image = group.image
    if not image.digest or image.version.startswith("sha256:"):
        return {"against": None}
    chosen = "" if image.provider else NONE
    return {"against": group, **reading_context(request, image.reference, chosen)}
