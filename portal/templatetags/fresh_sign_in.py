"""Why a page asks for a fresh sign-in."""

from __future__ import annotations

from django import template
from django.template.context import RequestContext

from portal.accounts import kept_forms

register = template.Library()


@register.simple_tag(takes_context=True)
def purpose_of_next(context: RequestContext) -> str:
    """Return what the form is for that is sent afterwards; empty if none was kept."""
    request = context["request"]
    kept = kept_forms.find(request, request.POST.get("next") or request.GET.get("next", ""))
    return kept.purpose if kept is not None else ""
