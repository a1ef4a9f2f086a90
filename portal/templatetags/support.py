"""Support's panel on pages of lower apps."""

from __future__ import annotations

from django import template
from django.template.context import RequestContext

from groups.models import Failure
from portal.support.consent import is_shared

register = template.Library()
MAX_VIEWS = 20


@register.inclusion_tag("portal/failure_support.html", takes_context=True)
def failure_support(context: RequestContext, failure: Failure) -> dict[str, object]:
    """What members asked about the failure, what support may see of it, and who of support viewed it. The number of
    queries doesn't grow."""
    requests = failure.support_requests.select_related("user").prefetch_related("messages__author")
    return {
        "failure": failure,
        "requests": list(requests.order_by("-created_at")),
        "shared": is_shared(failure),
        "views": failure.looks.select_related("person")[:MAX_VIEWS],
        **{name: context[name] for name in ("organization", "may_edit", "user")},
    }
