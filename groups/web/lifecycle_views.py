"""Actions on a group from its pages: start, stop, delete, and retry a failed pull; and the page of a failure.

An action redirects to the group's page, with a message if it was refused or the group has changed since
(`groups.web.requests`). Pages that only show something are in `groups.web.group_views`.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from groups.actions import lifecycle
from groups.models import ContainerGroup, Failure
from groups.queries.pull_steps import trace_lines
from groups.queries.retry_credential import Suggestion, kept_credential, suggest_credential
from groups.queries.sign_in_offers import earlier_offer, met_offer
from groups.rules.states import Stale
from groups.web.forms import DeleteForm, RetryForm
from groups.web.group_page import group_page
from groups.web.image_field import NEW, NONE, TRUST, live_credentials
from groups.web.requests import acts_on_post, form_status, group_of, to_group
from groups.web.sign_in_confirmation import with_confirmation
from registries.forms.credential import CredentialForm
from registries.foundation.ids import FailureId, OrganizationId
from registries.foundation.requests import ProjectRequest
from registries.models import MAX_NAME_LENGTH
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise, recognise_for_credential
from registries.secrets.entered_marks import entered_values
from registries.trusts.rows import find_trust


@acts_on_post
def start(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Start the group's replicas."""
    return to_group(request, lifecycle.start(group_of(request, name), by=request.actor))


@acts_on_post
def stop(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Stop the group."""
    return to_group(request, lifecycle.stop(group_of(request, name), by=request.actor))


@acts_on_post
def delete(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Delete the group if its name was typed correctly."""
    group = group_of(request, name)
    form = DeleteForm(request.POST, expected=name)
    if not form.is_valid():
        return group_page(request, group, delete_form=form)
    lifecycle.delete(group, by=request.actor)
    messages.success(request, f"{name} is deleted, with its image.")
    return redirect("groups:list", org, project)


@require_GET
@never_cache
def failure(request: ProjectRequest, org: str, project: str, name: str, failure: FailureId) -> HttpResponse:
    """Show why a pull failed, and how to retry it."""
    group = group_of(request, name)
    row = get_object_or_404(Failure, group=group, pk=failure)
    return _failure(request, group, row, *_retry_forms(request, group))


@sensitive_post_parameters()
@acts_on_post
@never_cache
def retry(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Pull the image of a failed group again, by a trust, with a typed credential, a kept one, or none."""
    group = group_of(request, name)
    form, typed_form = _retry_forms(request, group, request.POST)
    last = group.failures.order_by("-created_at").first()
    if group.failed_image is None or last is None:
        raise Stale(f"ContainerGroup {group.pk} is {group.status}")
    if not form.is_valid() or (form.has_typed_credential and not typed_form.is_valid()):
        return _failure(request, group, last, form, typed_form)
    credential = with_confirmation(
        request,
        typed_form.new_credential() if form.has_typed_credential else form.kept,
        registry=group.image.registry,
    )
    lifecycle.retry(group, credential=credential, by=request.actor)
    return to_group(request, group)


def _failure(
    request: ProjectRequest, group: ContainerGroup, row: Failure, form: RetryForm, typed_form: CredentialForm
) -> HttpResponse:
    provider = PROVIDERS.get(row.provider) or recognise(row.registry, group.image.repository)
    organization_id, registry = OrganizationId(group.organization_id), group.image.registry
    met = met_offer(row.params, organization_id=organization_id, registry=registry)
    context = {
        "group": group,
        "failure": row,
        "steps": trace_lines(row),
        "hint": provider.hint(row.code, row.params),
        "guide": provider.kind,
        "form": form,
        "typed_form": typed_form,
        "trust": find_trust(request.organization.pk, request.project.pk, registry),
        "can_retry": group.failed_image is not None,
        "again": suggest_credential(group, live_credentials(request)),
        "kept": kept_credential(group),
        "sign_in_offer": met or earlier_offer(organization_id, registry),
    }
    return render(request, "groups/failure.html", context, status=form_status(form))


def _retry_forms(
    request: ProjectRequest, group: ContainerGroup, data: QueryDict | None = None
) -> tuple[RetryForm, CredentialForm]:
    """The form that chooses a credential for the retry, and the form of one that is typed for it."""
    image = group.failed_image or group.image
    old = image.credential
    provider = PROVIDERS.get(image.provider) or recognise_for_credential(image.registry)
    prefilled = entered_values(old) if old is not None and old.provider == provider.kind else {}
    registry = image.registry
    live = live_credentials(request).for_image(registry, image.repository)
    trust = find_trust(request.organization.pk, request.project.pk, registry)
    usual = _choice_of(suggest_credential(group, live))
    form = RetryForm(data, live=live, registry=registry, trust=trust, initial={"use": usual})
    typed_form = CredentialForm(
        data if form.has_typed_credential else None,
        request.FILES if form.has_typed_credential else None,
        provider=provider,
        host=registry,
        repository=image.repository,
        name=f"for {group.name}"[:MAX_NAME_LENGTH],
        initial=prefilled,
    )
    return form, typed_form


def _choice_of(suggestion: Suggestion) -> str:
    """The suggestion as a choice of RetryForm."""
    if suggestion.by_trust:
        return TRUST
    if suggestion.needs_authority:
        return NEW
    if suggestion.credential_id is not None:
        return str(suggestion.credential_id)
    return NEW if suggestion.needs_new else NONE
