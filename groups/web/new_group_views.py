"""The page on which a group is created."""

from __future__ import annotations

import shlex

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from groups.actions import lifecycle
from groups.models import ContainerGroup
from groups.rules.group_settings import MAX_GROUP_NAME_LENGTH
from groups.rules.platforms import machine_of
from groups.rules.sealed_settings import open_environment
from groups.web.forms import GroupForm
from groups.web.image_field import MAX_TEXT_LENGTH, NEW, TRUST, reading_context, typed_credential_form
from groups.web.requests import form_status, to_group
from groups.web.sign_in_confirmation import with_confirmation
from registries.forms.credential import CredentialForm
from registries.forms.paste import text_of_image
from registries.foundation.refusal import Refusal
from registries.foundation.requests import Project, ProjectRequest
from registries.foundation.secret_shapes import find_secret

_GIVEN = ("image", "credential", "name", "platform")
"""The fields that a link to the page can fill."""


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
def new(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Create a group and start the pull of its image, by a trust, with a saved credential,
    a typed one, or none.

    `first` is what was pasted on a page without groups: it only fills the field of the image, and is sent by POST
    because a command may contain more than the image. `fields` asks for the page with the fields of the image's
    registry, which a browser without JavaScript can't load by itself.
    """
    given = {name: request.GET[name][:MAX_TEXT_LENGTH] for name in _GIVEN if name in request.GET}
    given |= {"image": request.POST["first"][:MAX_TEXT_LENGTH]} if "first" in request.POST else {}
    if "fields" in request.POST:
        shown = [name for name in GroupForm.base_fields if name not in GroupForm.secret_fields]
        given |= {name: request.POST[name][:MAX_TEXT_LENGTH] for name in shown if name in request.POST}
    given |= {"image": text_of_image(given["image"])} if "image" in given else {}
    is_sent = request.method == "POST" and not {"first", "fields"} & request.POST.keys()
    form = GroupForm(
        request.POST if is_sent else None,
        initial=_settings_of_source(request)
        | {name: value for name, value in given.items() if not find_secret(value, likely=False)},
        organization_id=request.organization.pk,
        project_id=request.project.pk,
    )
    typed_form = typed_credential_form(request, form)
    if form.is_valid() and (typed_form is None or typed_form.is_valid()):
        try:
            group = _create(request, form, typed_form)
        except Refusal as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            return to_group(request, group)
    chosen = _chosen(form)
    image = str(form["image"].value() or "")
    context = {"form": form, **reading_context(request, image, chosen, typed_form, is_typing=not is_sent)}
    return render(request, "groups/new.html", context, status=form_status(form))


def _chosen(form: GroupForm) -> str:
    """What is chosen in the field of the credential."""
    if form.has_trust:
        return TRUST
    return NEW if form.has_typed_credential else str(form["credential"].value() or "")


def _create(request: ProjectRequest, form: GroupForm, typed_form: CredentialForm | None) -> ContainerGroup:
    values = {name: value for name, value in form.cleaned_data.items() if name not in ("image", "credential")}
    return lifecycle.create(
        organization_id=request.organization.pk,
        project_id=request.project.pk,
        reference=form.cleaned_data["image"],
        credential=with_confirmation(
            request,
            typed_form.new_credential() if typed_form is not None else form.cleaned_data["credential"],
            registry=form.cleaned_data["image"].registry,
        ),
        by=request.actor,
        **values,
    )


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def read(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Show how an image reference is read, which credentials fit its registry, and the fields of a new one. The page
    sends it by POST: what people type or paste there is in no address, which proxies log."""
    sent = request.POST if request.method == "POST" else request.GET
    context = reading_context(request, sent.get("image", ""), sent.get("credential", ""), is_typing=True)
    return render(request, "groups/reading.html", context)


def _settings_of_source(request: ProjectRequest) -> dict[str, object]:
    """The settings of another group, for `?from=<name>`. Of its environment only the names, commented out: values are
    never shown."""
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
        "platform": machine_of(source.image.chosen_platform),
    }


def _free_name(project: Project, name: str) -> str:
    """The name with the first number that no group of the project has; empty if that is too long."""
    taken = set(ContainerGroup.objects.filter(project=project.pk, name__startswith=name).values_list("name", flat=True))
    free = next(f"{name}-{number}" for number in range(2, len(taken) + 3) if f"{name}-{number}" not in taken)
    return free if len(free) <= MAX_GROUP_NAME_LENGTH else ""
