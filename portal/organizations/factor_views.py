"""Requiring a second factor of an organization's members."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from portal.http.requests import MemberRequest
from portal.organizations.factor_requirement import MAX_GRACE_DAYS, require_factors, stop_requiring_factors
from registries.foundation.refusal import Refusal


@require_POST
def change(request: MemberRequest, org: str) -> HttpResponse:
    """Switch the requirement on, with a grace time, or off."""
    if request.POST.get("required") != "yes":
        stop_requiring_factors(request.organization, by=request.actor)
        messages.success(request, "Two-factor authentication is no longer required.")
        return redirect("portal:members", org)
    days = request.POST.get("days", "")
    if not (days.isascii() and days.isdigit() and int(days[:3]) <= MAX_GRACE_DAYS):
        messages.error(request, f"Enter a grace time of 0 to {MAX_GRACE_DAYS} days.")
        return redirect("portal:members", org)
    try:
        require_factors(request.organization, grace_days=int(days), by=request.actor)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Two-factor authentication is required.")
    return redirect("portal:members", org)
