"""What can be done to a group from its pages: start, stop, delete, and try a failed pull again.

Only a POST acts. Actions answer with a redirect, and somebody who comes second hears so. The pages that only show
something stand in `groups.web.group_views`.
"""

from __future__ import annotations

import uuid
from functools import wraps
from typing import Protocol

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from groups.actions import lifecycle
from groups.models import ContainerGroup, Failure
from groups.queries.pull_steps import trace_lines
from groups.rules.states import MoveForbidden, Stale
from groups.web.forms import DeleteForm, RetryForm
from groups.web.group_views import show
from groups.web.requests import form_status, group_of, to_group
from registries.credential_rows import NewCredential
from registries.failures import ABOUT_CREDENTIALS
from registries.forms.credential import CredentialForm
from registries.foundation.actor import Actor
from registries.foundation.refusal import shows_refusal
from registries.foundation.requests import ProjectRequest
from registries.models import MAX_NAME_LENGTH, Credential
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise

STALE = "Somebody else was first: the group has changed meanwhile. This is how it stands now."
_ABOUT_CREDENTIALS = {failure.code for failure in ABOUT_CREDENTIALS}


class _View(Protocol):
    def __call__(self, request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse: ...


class _Action(Protocol):
    def __call__(self, group: ContainerGroup, *, by: Actor) -> ContainerGroup: ...


def _back(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    return to_group(request, group_of(request, name))


def _led_back(act: _View) -> _View:
    """Only a POST acts; whoever opens an action's address, as after signing in again, is led to the group, and so is
    whoever is refused, with a message."""
    acting = shows_refusal(_back)(act)

    @wraps(act)
    def view(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
        return (acting if request.method == "POST" else _back)(request, org, project, name)

    return require_http_methods(["GET", "HEAD", "POST"])(view)


@_led_back
def start(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Have the group's replicas run."""
    return _act(request, name, lifecycle.start)


@_led_back
def stop(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Stop the group."""
    return _act(request, name, lifecycle.stop)


@_led_back
def delete(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Delete the group, once its name was typed."""
    group = group_of(request, name)
    form = DeleteForm(request.POST, expected=name)
    if not form.is_valid():
        return show(request, group, form)
    lifecycle.delete(group, by=request.actor)
    messages.success(request, f"{name} is deleted, with its image.")
    return redirect("groups:list", org, project)


@require_GET
@never_cache
def failure(request: ProjectRequest, org: str, project: str, name: str, failure: uuid.UUID) -> HttpResponse:
    """Why a pull failed, and the ways out."""
    group = group_of(request, name)
    row = get_object_or_404(Failure, group=group, pk=failure)
    return _failure(request, group, row, *_retry_forms(request, group))


@sensitive_post_parameters()
@_led_back
@never_cache
def retry(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Pull again for a failed group, with the secret typed anew, a kept credential, or none."""
    group = group_of(request, name)
    form, typed = _retry_forms(request, group, request.POST)
    last = group.failures.order_by("-created_at").first()
    if group.status != ContainerGroup.Status.FAILED or last is None:
        messages.info(request, STALE)
        return to_group(request, group)
    if not form.is_valid() or (form.types_credential and not typed.is_valid()):
        return _failure(request, group, last, form, typed)
    try:
        lifecycle.retry(group, credential=_credential_for(form, typed), by=request.actor)
    except (Stale, MoveForbidden):
        messages.info(request, STALE)
    return to_group(request, group)


def _act(request: ProjectRequest, name: str, action: _Action) -> HttpResponse:
    group = group_of(request, name)
    try:
        action(group, by=request.actor)
    except (Stale, MoveForbidden):
        messages.info(request, STALE)
    return to_group(request, group)


def _failure(
    request: ProjectRequest, group: ContainerGroup, row: Failure, form: RetryForm, typed: CredentialForm
) -> HttpResponse:
    provider = PROVIDERS.get(row.provider)
    context = {
        "group": group,
        "failure": row,
        "steps": trace_lines(row),
        "hint": provider.hints.get(row.code, "") if provider else "",
        "form": form,
        "typed_form": typed,
        "can_retry": group.status == ContainerGroup.Status.FAILED,
    }
    return render(request, "groups/failure.html", context, status=form_status(form))


def _retry_forms(
    request: ProjectRequest, group: ContainerGroup, data: QueryDict | None = None
) -> tuple[RetryForm, CredentialForm]:
    """What the pull is tried again with, and the fields of the credential that may be typed for it."""
    old = group.image.credential
    provider = PROVIDERS.get(group.image.provider) or recognise(group.image.registry)
    prefilled = {each.name: old.fields.get(each.name, "") for each in provider.fields if not each.secret} if old else {}
    prefilled |= {"ca": old.ca} if old else {}
    registry = group.image.registry
    live = Credential.objects.live().filter(organization=request.organization.pk)
    form = RetryForm(data, live=live, registry=registry, initial={"use": _first_choice(group)})
    typed = CredentialForm(
        data if form.types_credential else None,
        request.FILES if form.types_credential else None,
        provider=provider,
        host=registry,
        name=f"for {group.name}"[:MAX_NAME_LENGTH],
        initial=prefilled,
    )
    return form, typed


def _first_choice(group: ContainerGroup) -> str:
    """With what a retry is likely to go better. What the registry refused just now is not offered first."""
    image = group.image
    last = group.failures.order_by("-created_at").first()
    if last is not None and last.params.get("public"):
        return RetryForm.NONE
    refused = last is not None and last.code in _ABOUT_CREDENTIALS
    live = Credential.objects.live().filter(organization=group.organization_id)
    fitting = live.filter(host=image.registry).order_by("-received_at")
    if refused and image.credential_id:
        fitting = fitting.exclude(pk=image.credential_id)
    keys = [str(key) for key in fitting.values_list("pk", flat=True)]
    if str(image.credential_id) in keys:
        return str(image.credential_id)
    if keys:
        return keys[0]
    return RetryForm.NEW if refused or image.provider else RetryForm.NONE


def _credential_for(form: RetryForm, typed: CredentialForm) -> Credential | NewCredential | None:
    return typed.new_credential() if form.types_credential else form.kept
