"""What the pages of groups share: the group of a request, redirects to its page, and messages about what did not
happen."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from groups.models import ContainerGroup
from groups.rules.states import MoveForbidden, Stale
from registries.foundation.refusal import shows_refusal
from registries.foundation.requests import ProjectRequest

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[ProjectRequest, P], HttpResponse]

STALE = "This group changed since you opened the page. Here is its current state."


def group_of(request: ProjectRequest, name: str) -> ContainerGroup:
    """Return the project's group of that name with what its page shows. Raises Http404."""
    rows = ContainerGroup.objects.select_related("image__credential", "next_image", "project", "created_by")
    return get_object_or_404(rows, project=request.project.pk, name=name)


def to_group(request: ProjectRequest, group: ContainerGroup) -> HttpResponse:
    """Redirect to the group's page."""
    return redirect("groups:detail", request.organization.slug, request.project.slug, group.name)


def back_to_group(request: ProjectRequest, /, *args: object, **kwargs: object) -> HttpResponse:
    """Redirect from an action's address to the page of the group `name` in it. Raises Http404."""
    return to_group(request, group_of(request, str(kwargs["name"])))


def acts_on_group(stale: str = STALE) -> Callable[[View[P]], View[P]]:
    """Decorate a view that changes the group `name`. If the action is refused, or the group has changed since its page
    was shown (`stale` is the message then), the view redirects to the group's page with a message."""

    def decorate(view: View[P]) -> View[P]:
        def back(request: ProjectRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            return back_to_group(request, *args, **kwargs)

        @shows_refusal(back)
        @wraps(view)
        def shown(request: ProjectRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except (Stale, MoveForbidden):
                messages.info(request, stale)
                return back(request, *args, **kwargs)

        return shown

    return decorate


def acts_on_post(view: View[P]) -> View[P]:
    """Decorate a view that changes the group `name` by POST. GET redirects to the group's page: an action's address is
    opened after signing in again."""
    acting = acts_on_group()(view)

    @wraps(view)
    def shown(request: ProjectRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method == "POST":
            return acting(request, *args, **kwargs)
        return back_to_group(request, *args, **kwargs)

    return require_http_methods(["GET", "HEAD", "POST"])(shown)


def form_status(*forms: Form | None) -> int:
    """Return the status of a page with these forms: 422 if one of them came back with errors, else 200."""
    return 422 if any(form is not None and form.is_bound for form in forms) else 200
