"""Pages of container groups: the list, a new one, one group live, and what can be done to it.

`portal.middleware` has resolved organization, project and role before any of these runs. Actions answer with a
redirect, and somebody who comes second hears so.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect, HttpResponseStopPolling

from groups import actions, listing, story
from groups.environment import open_environment
from groups.forms import NAME_TAKEN, DeleteForm, GroupForm, ReferenceField, RetryForm, live_credentials
from groups.models import ContainerGroup, Failure
from groups.states import MoveForbidden, Stale
from groups.versions import group_version
from registries.actions import add_credential
from registries.forms import ProviderValuesForm
from registries.models import Credential
from registries.oci.reference import Reference
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise

NONE = "none"
"""In an address: no credential, also where one would fit."""
_ABOUT_CREDENTIALS = {"authentication_failed", "access_denied", "credential_malformed", "credential_expired"}
STALE = "Somebody else was first: the group has changed meanwhile. This is how it stands now."


def _led_back(act: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Only a POST acts; whoever opens an action's address, as after signing in again, is led to the group."""

    @wraps(act)
    def view(request: Any, org: str, project: str, name: str) -> HttpResponse:
        return act(request, org, project, name) if request.method == "POST" else _to(request, _group(request, name))

    return require_http_methods(["GET", "HEAD", "POST"])(view)


@require_GET
@never_cache
def groups(request: Any, org: str, project: str) -> HttpResponse:
    """The project's groups."""
    found = _listing(request)
    credentials = 0 if found.total else live_credentials(request.organization.pk).count()
    return render(request, "groups/list.html", {"listing": found, "credentials": credentials})


@require_GET
def rows(request: Any, org: str, project: str) -> HttpResponse:
    """The list's live part; 304 while nothing has changed."""
    found = _listing(request)
    return _live(request, found.version, lambda: render(request, "groups/rows.html", {"listing": found}))


@require_http_methods(["GET", "POST"])
@never_cache
def new(request: Any, org: str, project: str) -> HttpResponse:
    """Write a group and have its image pulled."""
    chosen = {name: request.GET[name][:512] for name in ("image", "credential", "name") if name in request.GET}
    form = GroupForm(
        request.POST if request.method == "POST" else None,
        initial=_as_of(request) | chosen,
        organization_id=request.organization.pk,
        project_id=request.project.pk,
    )
    if form.is_valid():
        values = {name: value for name, value in form.cleaned_data.items() if name != "image"}
        try:
            with transaction.atomic():
                group = actions.create(
                    organization_id=request.organization.pk,
                    project_id=request.project.pk,
                    reference=form.cleaned_data["image"],
                    created_by_id=request.user.pk,
                    **values,
                )
        except IntegrityError:
            form.add_error("name", NAME_TAKEN)
        else:
            return _to(request, group)
    read_back = _read_back(request, str(form["image"].value() or ""), str(form["credential"].value() or ""))
    return render(request, "groups/new.html", {"form": form, **read_back}, status=_heard(form))


@require_GET
@never_cache
def read(request: Any, org: str, project: str) -> HttpResponse:
    """Say how an image reference is understood, and which credentials fit its registry."""
    context = _read_back(request, request.GET.get("image", ""), request.GET.get("credential", ""))
    return render(request, "groups/reading.html", context)


@require_GET
@never_cache
def detail(request: Any, org: str, project: str, name: str) -> HttpResponse:
    """One group, live."""
    return _detail(request, _group(request, name), DeleteForm(expected=name))


@require_GET
def status(request: Any, org: str, project: str, name: str) -> HttpResponse:
    """The live part of a group's page: 304 while nothing has changed, 286 once nothing will by itself.

    A page that watches a group which is gone is led to the list, and would ask for ever otherwise.
    """
    try:
        group = _group(request, name)
    except Http404:
        if not request.htmx:
            raise
        messages.info(request, "That group is not here any more.")
        return HttpResponseClientRedirect(reverse("groups:list", args=[org, project]))
    mark = group_version(group, request.role)

    def answer() -> HttpResponse:
        told = story.tell(group)
        response = render(request, "groups/live.html", {"group": group, "story": told, "version": mark})
        return response if told.poll_seconds else HttpResponseStopPolling(response.content)

    return _live(request, mark, answer)


@_led_back
def start(request: Any, org: str, project: str, name: str) -> HttpResponse:
    """Have the group's replicas run."""
    return _act(request, name, actions.start)


@_led_back
def stop(request: Any, org: str, project: str, name: str) -> HttpResponse:
    """Stop the group."""
    return _act(request, name, actions.stop)


@_led_back
def delete(request: Any, org: str, project: str, name: str) -> HttpResponse:
    """Delete the group, once its name was typed."""
    group = _group(request, name)
    form = DeleteForm(request.POST, expected=name)
    if not form.is_valid():
        return _detail(request, group, form)
    actions.delete(group)
    messages.success(request, f"{name} is deleted, with its image.")
    return redirect("groups:list", org, project)


@require_GET
@never_cache
def failure(request: Any, org: str, project: str, name: str, failure: uuid.UUID) -> HttpResponse:
    """Why a pull failed, and the ways out."""
    group = _group(request, name)
    row = get_object_or_404(Failure, group=group, pk=failure)
    return _failure(request, group, row, _retry_form(request, group))


@sensitive_post_parameters()
@_led_back
@never_cache
def retry(request: Any, org: str, project: str, name: str) -> HttpResponse:
    """Pull again for a failed group, with the secret typed anew, a kept credential, or none."""
    group = _group(request, name)
    form = _retry_form(request, group, request.POST)
    last = group.failures.order_by("-created_at").first()
    if group.status != ContainerGroup.Status.FAILED or last is None:
        messages.info(request, STALE)
        return _to(request, group)
    if not form.is_valid():
        return _failure(request, group, last, form)
    try:
        with transaction.atomic():
            actions.retry(group, credential=_credential_for(request, group, form))
    except (Stale, MoveForbidden):
        messages.info(request, STALE)
    return _to(request, group)


def _group(request: Any, name: str) -> ContainerGroup:
    rows = ContainerGroup.objects.select_related("image__credential", "project", "created_by")
    return get_object_or_404(rows, project=request.project, name=name)


def _heard(form: Form) -> int:
    """The status of a page with this form: 422 where what was sent came back with errors."""
    return 422 if form.is_bound else 200


def _to(request: Any, group: ContainerGroup) -> HttpResponse:
    return redirect("groups:detail", request.organization.slug, request.project.slug, group.name)


def _act(request: Any, name: str, action: Any) -> HttpResponse:
    group = _group(request, name)
    try:
        action(group)
    except (Stale, MoveForbidden):
        messages.info(request, STALE)
    return _to(request, group)


def _live(request: Any, mark: str, answer: Any) -> HttpResponse:
    etag = f'"{mark}"'
    response = get_conditional_response(request, etag=etag) or answer()
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _listing(request: Any) -> listing.Listing:
    asked = request.GET
    return listing.list_groups(
        request.project, search=asked.get("q", ""), status=asked.get("state", ""), page=asked.get("page")
    )


def _detail(request: Any, group: ContainerGroup, form: DeleteForm) -> HttpResponse:
    context = {
        "group": group,
        "story": story.tell(group),
        "version": group_version(group, request.role),
        "variables": list(open_environment(group)),
        "delete_form": form,
    }
    return render(request, "groups/detail.html", context, status=_heard(form))


def _failure(request: Any, group: ContainerGroup, row: Failure, form: RetryForm) -> HttpResponse:
    provider = PROVIDERS.get(row.provider)
    context = {
        "group": group,
        "failure": row,
        "steps": story.trace_lines(row),
        "hint": provider.hints.get(row.code, "") if provider else "",
        "form": form,
        "can_retry": group.status == ContainerGroup.Status.FAILED,
        "requests": row.support_requests.order_by("created_at"),
    }
    return render(request, "groups/failure.html", context, status=_heard(form))


def _retry_form(request: Any, group: ContainerGroup, data: Any = None) -> RetryForm:
    old = group.image.credential
    provider = PROVIDERS.get(group.image.provider) or recognise(group.image.registry)
    prefilled = {each.name: old.fields.get(each.name, "") for each in provider.fields if not each.secret} if old else {}
    prefilled |= {"ca": old.ca} if old else {}
    return RetryForm(
        data,
        initial={"use": _first_choice(group), **prefilled},
        provider=provider,
        registry=group.image.registry,
        live=live_credentials(request.organization.pk),
    )


def _first_choice(group: ContainerGroup) -> str:
    """With what a retry is likely to go better. What the registry refused just now is not offered first."""
    image = group.image
    last = group.failures.order_by("-created_at").first()
    if last is not None and last.params.get("public"):
        return RetryForm.NONE
    refused = last is not None and last.code in _ABOUT_CREDENTIALS
    fitting = live_credentials(group.organization_id).filter(host=image.registry).order_by("-received_at")
    if refused and image.credential_id:
        fitting = fitting.exclude(pk=image.credential_id)
    keys = [str(key) for key in fitting.values_list("pk", flat=True)]
    if str(image.credential_id) in keys:
        return str(image.credential_id)
    if keys:
        return keys[0]
    return RetryForm.NEW if refused or image.provider else RetryForm.NONE


def _credential_for(request: Any, group: ContainerGroup, form: RetryForm) -> Credential | None:
    use = form.cleaned_data["use"]
    if use != RetryForm.NEW:
        return form.live.get(use)
    return add_credential(
        organization_id=request.organization.pk,
        provider=form.provider.kind,
        name=f"for {group.name}"[:63],
        host=group.image.registry,
        values=ProviderValuesForm.values(form),
        ca=form.authorities,
        created_by_id=request.user.pk,
    )


def _read_back(request: Any, text: str, chosen: str) -> dict[str, Any]:
    """How the reference reads, and the credential field with what fits first."""
    reference: Reference | None = None
    error = ""
    if text.strip():
        try:
            reference = ReferenceField().clean(text)
        except ValidationError as refused:
            error = " ".join(refused.messages)
    live = list(live_credentials(request.organization.pk))
    fitting = [each for each in live if reference and each.host == reference.registry]
    if reference and chosen != NONE and not any(str(each.pk) == chosen for each in fitting):
        chosen = str(fitting[0].pk) if fitting and request.method == "GET" else ""
    add = reverse("registries:new", args=[request.organization.slug])
    return {
        "typed": text,
        "reference": reference,
        "reading_error": error,
        "kind": recognise(reference.registry) if reference else None,
        "fitting": fitting,
        "others": [] if reference else live,
        "chosen": chosen,
        "add_address": add,
    }


def _as_of(request: Any) -> dict[str, Any]:
    """Another group's settings, for `?from=<name>`; its environment is not among them."""
    source = ContainerGroup.objects.select_related("image").filter(
        project=request.project, name=request.GET.get("from", "")[:63].replace("\0", "")
    ).first()  # fmt: skip
    if source is None:
        return {}
    return {
        "image": source.image.reference,
        "replicas": source.replicas,
        "cpu": source.cpu,
        "memory_mb": source.memory_mb,
        "command": shlex.join(source.command),
        "restart_policy": source.restart_policy,
        "autostart": source.autostart,
    }
