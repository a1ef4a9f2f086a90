"""Pages of container groups: the list, a new one, one group live.

`portal.http.middleware` has resolved organization, project and role before any of these runs. What can be done to a
group that exists stands in `groups.web.lifecycle_views`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect, HttpResponseStopPolling

from groups.actions import lifecycle
from groups.environment import open_environment
from groups.models import ContainerGroup
from groups.queries import group_detail, group_list
from groups.queries.etags import group_version, project_version
from groups.rules.group_settings import MAX_GROUP_NAME_LENGTH, NAME_TAKEN
from groups.web.forms import DeleteForm, GroupForm, ImageForm, ReferenceField, ScaleForm
from groups.web.inline_credential import NEW, typed_credential_form
from registries.forms.credential import CredentialForm
from registries.foundation.refusal import Refusal
from registries.foundation.requests import Project, ProjectRequest
from registries.models import Credential
from registries.oci.reference import Reference
from registries.providers.docker_hub import DOCKER_HUB
from registries.providers.recognise import recognise

NONE = "none"
"""In an address: no credential, also where one would fit."""


@require_GET
@never_cache
def groups(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """The project's groups."""
    version = project_version(request.access.project_id)
    found = _listing(request)
    credentials = 0 if found.total else _live_credentials(request).count()
    return render(request, "groups/list.html", {"listing": found, "version": version, "credentials": credentials})


@require_GET
def rows(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """The list's live part; 304 while nothing has changed."""
    version = project_version(request.access.project_id)
    return _live(
        request,
        version,
        lambda: render(request, "groups/rows.html", {"listing": _listing(request), "version": version}),
    )


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
def new(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Write a group and have its image pulled, with a credential that is here or is typed with it."""
    chosen = {name: request.GET[name][:512] for name in ("image", "credential", "name") if name in request.GET}
    form = GroupForm(
        request.POST if request.method == "POST" else None,
        initial=_as_of(request) | chosen,
        organization_id=request.organization.pk,
        project_id=request.project.pk,
    )
    typed = typed_credential(request, form)
    if form.is_valid() and (typed is None or typed.is_valid()):
        try:
            group = _create(request, form, typed)
        except IntegrityError:
            form.add_error("name", NAME_TAKEN)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            return to_group(request, group)
    picked = NEW if form.types_credential else str(form["credential"].value() or "")
    read_back = reading(request, str(form["image"].value() or ""), picked, typed)
    return render(request, "groups/new.html", {"form": form, **read_back}, status=heard(form))


def _create(request: ProjectRequest, form: GroupForm, typed: CredentialForm | None) -> ContainerGroup:
    values = {name: value for name, value in form.cleaned_data.items() if name not in ("image", "credential")}
    return lifecycle.create(
        organization_id=request.organization.pk,
        project_id=request.project.pk,
        reference=form.cleaned_data["image"],
        credential=typed.new_credential() if typed is not None else form.cleaned_data["credential"],
        by=request.actor,
        **values,
    )


@require_GET
@never_cache
def read(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Say how an image reference is understood, which credentials fit its registry, and what it asks for."""
    context = reading(request, request.GET.get("image", ""), request.GET.get("credential", ""))
    return render(request, "groups/reading.html", context)


@require_GET
@never_cache
def detail(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """One group, live."""
    return show(request, group_of(request, name), DeleteForm(expected=name))


@require_GET
def status(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """The live part of a group's page: 304 while nothing has changed, 286 once nothing will by itself.

    A page that watches a group which is gone is led to the list, and would ask for ever otherwise.
    """
    version = group_version(request.access.project_id, name, request.role)
    if version is None:
        if not request.htmx:
            raise Http404
        messages.info(request, "That group is not here any more.")
        return HttpResponseClientRedirect(reverse("groups:list", args=[org, project]))

    def answer() -> HttpResponse:
        group = group_of(request, name)
        told = group_detail.tell(group)
        response = render(request, "groups/live.html", {"group": group, "story": told, "version": version})
        return response if told.poll_seconds else HttpResponseStopPolling(response.content)

    return _live(request, version, answer)


def group_of(request: ProjectRequest, name: str) -> ContainerGroup:
    """The project's group of that name, with what its page shows of it; 404 where there is none."""
    rows = ContainerGroup.objects.select_related("image__credential", "next_image", "project", "created_by")
    return get_object_or_404(rows, project=request.project.pk, name=name)


def to_group(request: ProjectRequest, group: ContainerGroup) -> HttpResponse:
    """Lead to the group's page."""
    return redirect(address_of(request, group))


def address_of(request: ProjectRequest, group: ContainerGroup) -> str:
    """Where the group's page is."""
    return reverse("groups:detail", args=[request.organization.slug, request.project.slug, group.name])


def heard(form: Form) -> int:
    """The status of a page with this form: 422 where what was sent came back with errors."""
    return 422 if form.is_bound else 200


def _live(request: ProjectRequest, version: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    etag = f'"{version}"'
    response = get_conditional_response(request, etag=etag) or answer()
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _listing(request: ProjectRequest) -> group_list.Listing:
    asked = request.GET
    return group_list.list_groups(
        request.project,
        search=asked.get("q", ""),
        status=asked.get("state", ""),
        sort=asked.get("sort", ""),
        page=asked.get("page"),
    )


def show(
    request: ProjectRequest, group: ContainerGroup, form: DeleteForm, scale: ScaleForm | None = None
) -> HttpResponse:
    """The group's page, with the forms that delete and scale it as they stand."""
    version = group_version(group.project_id, group.name, request.role)
    context = {
        "group": group,
        "story": group_detail.tell(group),
        "version": version,
        "variables": list(open_environment(group)),
        "delete_form": form,
        "scale_form": scale or ScaleForm(initial={"replicas": group.replicas}),
        **_upstream(request, group),
    }
    return render(request, "groups/detail.html", context, status=max(heard(form), heard(scale) if scale else 0))


def _upstream(request: ProjectRequest, group: ContainerGroup) -> dict[str, Any]:
    """What asking whether the tag has moved takes: a credential anew, since the one of the pull is gone."""
    image = group.image
    if not image.digest or image.version.startswith("sha256:"):
        return {"against": None}
    chosen = "" if image.provider else NONE
    return {"against": group, **reading(request, image.reference, chosen)}


def typed_credential(
    request: ProjectRequest, form: ImageForm, *, asks_to_confirm: bool = True
) -> CredentialForm | None:
    """The credential that was typed with the image, where one was and the image can be read."""
    if not form.types_credential:
        return None
    reference, _ = _read_reference(str(form["image"].value() or ""))
    if reference is None:
        return None
    return typed_credential_form(reference.registry, request.POST, request.FILES, asks_to_confirm=asks_to_confirm)


def reading(request: ProjectRequest, text: str, chosen: str, typed: CredentialForm | None = None) -> dict[str, Any]:
    """How the reference reads, and the credential field with what fits first. `typed` is the form for a new one as it
    was sent; what its registry asks for stands there empty otherwise."""
    reference, error = _read_reference(text)
    live = list(_live_credentials(request))
    fitting = [row for row in live if reference and row.host == reference.registry]
    if reference and chosen not in (NONE, NEW) and not any(str(row.pk) == chosen for row in fitting):
        chosen = "" if request.method == "POST" else str(fitting[0].pk) if fitting else _first_choice(reference)
    if reference and typed is None:
        typed = typed_credential_form(reference.registry)
    return {
        "typed": text,
        "reference": reference,
        "reading_error": error,
        "kind": recognise(reference.registry) if reference else None,
        "fitting": fitting,
        "others": [] if reference else live,
        "chosen": chosen,
        "typed_form": typed,
    }


def _read_reference(text: str) -> tuple[Reference | None, str]:
    """The image that is named, or why it can't be read; neither where nothing was typed."""
    if not text.strip():
        return None, ""
    try:
        return ReferenceField().clean(text), ""
    except ValidationError as refused:
        return None, " ".join(refused.messages)


def _live_credentials(request: ProjectRequest) -> QuerySet[Credential]:
    return Credential.objects.live().filter(organization=request.organization.pk)


def _first_choice(reference: Reference) -> str:
    """Most images that people bring are private; Docker's own are not."""
    return NONE if reference.registry == DOCKER_HUB.host and reference.repository.startswith("library/") else NEW


def _as_of(request: ProjectRequest) -> dict[str, Any]:
    """Another group's settings, for `?from=<name>`. Of its environment the names, commented out: values are not
    shown to anybody."""
    source = ContainerGroup.objects.select_related("image").filter(
        project=request.project.pk, name=request.GET.get("from", "")[:MAX_GROUP_NAME_LENGTH]
    ).first()  # fmt: skip
    if source is None:
        return {}
    return {
        "image": source.image.reference,
        "name": _free_name(request.project, source.name),
        "environment": "".join(f"# {name}=\n" for name in open_environment(source)),
        "replicas": source.replicas,
        "cpu": source.cpu,
        "memory_mb": source.memory_mb,
        "gpu": source.gpu,
        "command": shlex.join(source.command),
        "restart_policy": source.restart_policy,
        "autostart": source.autostart,
    }


def _free_name(project: Project, name: str) -> str:
    """The name with the first number that no group of the project has; nothing where it would be too long."""
    taken = set(ContainerGroup.objects.filter(project=project.pk, name__startswith=name).values_list("name", flat=True))
    free = next(f"{name}-{number}" for number in range(2, len(taken) + 3) if f"{name}-{number}" not in taken)
    return free if len(free) <= MAX_GROUP_NAME_LENGTH else ""
