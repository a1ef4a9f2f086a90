"""Pages that only operators open, inside the admin."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from redis.exceptions import RedisError

from groups.queues.wakeup import QUEUES
from portal.http.actors import actor_of
from portal.operations import alerts, queues, storage, workers
from portal.support.consent import is_operator

P = ParamSpec("P")


def operators_only(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Make a view a page for operators: visitors sign in first, support and other staff get 403."""

    @never_cache
    @wraps(view)
    def gated(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not is_operator(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return admin.site.admin_view(gated)


@operators_only
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """What needs attention, and queues, workers and pulls in short."""
    known = workers.read_queues()
    context = {"alerts": alerts.alerts(known), "queues": known, "pulls": workers.read_pulls()}
    return _render(request, "admin/operations/start.html", "What needs attention", context)


@operators_only
@require_GET
def health_page(request: HttpRequest) -> HttpResponse:
    """Queues, workers, pulls in progress, the sweeper."""
    context = {"queues": workers.read_queues(), "pulls": workers.read_pulls()}
    return _render(request, "admin/operations/health.html", "Queues and workers", context)


@operators_only
@require_http_methods(["GET", "POST"])
def queue_page(request: HttpRequest, queue: str) -> HttpResponse:
    """What waits in one queue. A form that is sent empties it."""
    if queue not in QUEUES:
        raise Http404
    try:
        if request.method == "POST":
            queues.empty_queue(queue, by=actor_of(request))
            messages.success(request, f"The queue {queue} is empty. The sweeper puts back what is due.")
            return redirect("operations:queue", queue)
        content = queues.read_queue(queue)
    except (RedisError, OSError):
        content = None
    return _render(request, "admin/operations/queue.html", f"Queue: {queue}", {"queue": content})


@operators_only
@require_GET
def storage_page(request: HttpRequest) -> HttpResponse:
    """What is stored; with `?orphans=1` also objects without a row."""
    orphans = storage.find_orphans() if request.GET.get("orphans") == "1" else None
    context: dict[str, object] = {"storage": storage.read_storage(), "orphans": orphans}
    return _render(request, "admin/operations/storage.html", "Storage", context)


def _render(request: HttpRequest, template: str, title: str, context: dict[str, object]) -> HttpResponse:
    shared = {**admin.site.each_context(request), "is_nav_sidebar_enabled": False, "title": title}
    request.current_app = admin.site.name
    return render(request, template, {**shared, **context})
