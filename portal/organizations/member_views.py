"""Pages on which a member's role changes or ends. Each shows first what else ends with it: API keys the person owns,
and invitations they made. Opening a page changes nothing; a POST without any choice ends all of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts.session_epoch import keep_session
from portal.http.requests import MemberRequest
from portal.models import Membership, Role, Webhook
from portal.organizations import actions
from portal.organizations.forms import KeepForm, RoleForm
from portal.organizations.holdings import Ended, holdings_of
from portal.organizations.roles import role_table
from portal.organizations.rules import is_last_owner
from registries.foundation.refusal import shows_refusal

_METHODS = ["GET", "HEAD", "POST"]


def _to_members(request: MemberRequest, /, org: str) -> HttpResponse:
    return redirect("portal:members", org)


def _from_member_to_members(request: MemberRequest, /, org: str, member: int) -> HttpResponse:
    return _to_members(request, org)


@require_http_methods(_METHODS)
@never_cache
@shows_refusal(_from_member_to_members)
def change_role(request: MemberRequest, /, org: str, member: int) -> HttpResponse:
    """Say what each role may do and what ends with the present one; change it on POST."""
    row = _member(request, member)
    form = RoleForm(request.POST if request.method == "POST" else None, held=_held(row), role=row.role)
    if request.method != "POST":
        return _page(request, "portal/member_role.html", row, form, groups=role_table())
    if not form.is_valid():
        messages.error(request, "Choose one of the roles.")
        return _to_members(request, org)
    role = form.cleaned_data["role"]
    ended = actions.change_role(row, role, keep=form.cleaned_data["keep"], by=request.actor)
    if ended is not None:
        _keep_own_session(request, row)
    article = "an" if role == Role.OWNER else "a"
    messages.success(request, _with_end(f"{row.user.email} is now {article} {role}.", ended))
    return _to_members(request, org)


@require_http_methods(_METHODS)
@never_cache
@shows_refusal(_from_member_to_members)
def remove(request: MemberRequest, /, org: str, member: int) -> HttpResponse:
    """Say what ends with the membership; remove the member on POST."""
    row = _member(request, member)
    form = KeepForm(request.POST if request.method == "POST" else None, held=_held(row))
    if request.method != "POST":
        return _page(request, "portal/member_remove.html", row, form)
    if not form.is_valid():
        messages.error(request, "Their API keys changed since you opened the page. Check the list again.")
        return redirect("portal:member_remove", org, member)
    ended = actions.remove(row, keep=form.cleaned_data["keep"], by=request.actor)
    message = f"{row.user.email} is no longer in {request.organization.name}, and signed out everywhere."
    messages.success(request, _with_end(message, ended))
    return _to_members(request, org)


@require_http_methods(_METHODS)
@never_cache
@shows_refusal(_to_members)
def leave(request: MemberRequest, /, org: str) -> HttpResponse:
    """Say what ends, or that the last owner can't leave; leave the organization on POST."""
    rows = Membership.objects.select_related("user")
    row = get_object_or_404(rows, organization=request.organization, user=request.user)
    if request.method != "POST":
        last = is_last_owner(row)
        return _page(request, "portal/leave.html", row, KeepForm(held=_held(row)), is_last_owner=last)
    ended = actions.leave(row, by=request.actor)
    if ended is not None:
        _keep_own_session(request, row)
    messages.success(request, _with_end(f"You left {request.organization.name}.", ended))
    return redirect("portal:home")


def _member(request: MemberRequest, pk: int) -> Membership:
    rows = Membership.objects.select_related("user")
    return get_object_or_404(rows, organization=request.organization, pk=pk)


def _held(row: Membership) -> list[tuple[str, str]]:
    keys = holdings_of(row.user_id, row.organization_id).keys
    return [(str(key.pk), key.name) for key in keys]


def _keep_own_session(request: MemberRequest, row: Membership) -> None:
    """All sessions of the person have ended. The one that asked for it stays valid, with another key."""
    if row.user_id == request.user.pk:
        keep_session(request)


def _with_end(message: str, ended: Ended | None) -> str:
    return f"{message} {ended.in_words}." if ended is not None and ended.in_words else message


def _page(request: MemberRequest, template: str, row: Membership, form: KeepForm, **shown: object) -> HttpResponse:
    held = holdings_of(row.user_id, row.organization_id)
    may_have_seen = Role(row.role).rank >= Role.MEMBER.rank
    context = {
        "member": row,
        "held": held,
        "form": form,
        "is_own": row.user_id == request.user.pk,
        "webhooks": Webhook.objects.filter(organization=row.organization_id) if may_have_seen else [],
        **shown,
    }
    return render(request, template, context)
