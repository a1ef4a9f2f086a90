"""Pages of an organization's team: members and invitations. Changing and ending a membership is in
`portal.organizations.member_views`, accepting an invitation in `portal.organizations.invitation_views`."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.factor_rows import is_protected
from portal.audit.refused_by_organization import recent_refusals
from portal.http.requests import MemberRequest
from portal.mail import sending
from portal.models import AddressProof, Invitation, Membership, Role
from portal.organizations import errors, invitations
from portal.organizations.forms import InviteForm
from portal.organizations.roles import role_table
from portal.organizations.rules import is_last_owner


@require_GET
@never_cache
def members(request: MemberRequest, org: str) -> HttpResponse:
    """List members and open invitations."""
    return _page(request, InviteForm())


@require_POST
@never_cache
def invite(request: MemberRequest, org: str) -> HttpResponse:
    """Invite somebody. If no mail goes out, the response shows the link, once. Opening that one proves nothing, since
    whoever invites has seen it."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        proof = AddressProof.MAIL if settings.PORTAL_SENDS_MAIL else AddressProof.NONE
        row, link, outcome = _invite(request, form, proof)
        if proof and outcome is not sending.Outcome.SENT:
            row, link, outcome = _invite(request, form, AddressProof.NONE, sends=False)
    except errors.TeamRefused as refusal:
        form.add_error("email", refusal.message)
        return _page(request, form)
    if outcome is sending.Outcome.SENT:
        messages.success(request, f"The invitation was sent to {row.email}.")
        return redirect("portal:members", org)
    return _page(request, InviteForm(), link=link, invited=row, printed=outcome is sending.Outcome.PRINTED)


def _invite(
    request: MemberRequest, form: InviteForm, proof: AddressProof, *, sends: bool = True
) -> tuple[Invitation, str, sending.Outcome]:
    """Invite, and mail the link. Returns the invitation, its link, and what happened to the mail."""
    row, token = invitations.invite(
        request.organization,
        email=form.cleaned_data["email"],
        role=form.cleaned_data["role"],
        proof=proof,
        by=request.actor,
    )
    link = f"{settings.PORTAL_PUBLIC_URL}{reverse('portal:invitation', args=[token])}"
    context = {
        "organization": request.organization,
        "invited_by": request.user,
        "email": row.email,
        "role": row.role,
        "expires_at": row.expires_at,
        "link": link,
    }
    return row, link, sending.send("invitation", row.email, context) if sends else sending.Outcome.NOT_SENT


@require_POST
def withdraw(request: MemberRequest, org: str, invitation: uuid.UUID) -> HttpResponse:
    """Withdraw an invitation."""
    row = get_object_or_404(Invitation, organization=request.organization, pk=invitation)
    if invitations.withdraw(row, by=request.actor):
        messages.success(request, f"The invitation for {row.email} was withdrawn.")
    else:
        messages.info(request, f"The invitation for {row.email} had already ended.")
    return redirect("portal:members", org)


def _page(request: MemberRequest, form: InviteForm, **shown: object) -> HttpResponse:
    rows = Membership.objects.filter(organization=request.organization).select_related("user").order_by("user__email")
    open_invitations = Invitation.objects.unanswered().with_is_expired().filter(organization=request.organization)
    own = next((row for row in rows if row.user_id == request.user.pk), None)
    context = {
        "members": sorted(rows, key=lambda row: -Role(row.role).rank),
        "invitations": open_invitations.select_related("invited_by"),
        "form": form,
        "groups": role_table(),
        "is_owner": request.role == Role.OWNER,
        "is_last_owner": own is not None and is_last_owner(own),
        "refused_sign_ins": recent_refusals(request.organization.pk) if request.role == Role.OWNER else 0,
        "without_factor": [row.user.email for row in rows if not is_protected(row.user.second_factors)],
        **shown,
    }
    return render(request, "portal/members.html", context, status=422 if form.is_bound else 200)
