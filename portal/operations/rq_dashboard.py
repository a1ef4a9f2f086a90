"""RQ's dashboard below `/admin/rq/`, for operators only. It shows queues, workers and jobs; a job's argument is an id.

The package lets every staff member in, and its pages carry inline style and script. So each of its views is gated
here, and only its pages get a looser content policy. What operators change is recorded first. Where the package names
no serializer, RQ would unpickle data from Redis, and whoever can write there could run code in the web process: JSON is
the default instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django_rq import stats_views
from django_rq.queues import get_queue_by_index
from django_rq.urls import get_admin_urlpatterns
from redis.exceptions import RedisError
from rq import serializers
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from portal.http.actors import actor_of
from registries.foundation.activity import Target, Value, record

serializers.PickleSerializer = serializers.JSONSerializer  # type: ignore[assignment]

P = ParamSpec("P")
CHANGES = {
    "actions": "",
    "clear": "emptied the queue",
    "delete_failed_jobs": "deleted the failed jobs",
    "delete_job": "deleted a job",
    "enqueue_job": "queued a job now",
    "requeue_all": "queued the failed jobs again",
    "requeue_job": "queued a job again",
    "stop_job": "stopped a job",
}
"""The pages that change something when a form is sent, with what it does, by name. The form says what `actions`
does."""
ACTIONS = {"delete": "deleted jobs", "requeue": "queued jobs again", "stop": "stopped jobs"}
_INLINE = {"script-src": [UNSAFE_INLINE], "style-src": [UNSAFE_INLINE]}


def operators_only(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Make a view a page for operators: visitors sign in first, others get 403. What isn't there is 404, a job in
    another state than the form expects is 409, and 503 means that Redis doesn't answer."""

    @csp_update(_INLINE)
    @wraps(view)
    def gated(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        try:
            with transaction.atomic():  # without the record nothing is done
                _record_change(request)
                return view(request, *args, **kwargs)
        except (IndexError, ValueError, NoSuchJobError):  # an unknown queue, worker, scheduler or job
            raise Http404 from None
        except InvalidJobOperation:
            text = "The job is in another state by now. Go back and reload the page.\n"
            return HttpResponse(text, status=409, content_type="text/plain")
        except (RedisError, OSError):
            return HttpResponse("Redis does not answer.\n", status=503, content_type="text/plain")

    return admin.site.admin_view(gated)


def _record_change(request: HttpRequest) -> None:
    """Record what this form changes, before it does. Raises IndexError for an unknown queue."""
    match = request.resolver_match
    if request.method != "POST" or match is None or match.url_name not in CHANGES:
        return
    jobs = [match.kwargs["job_id"]] if "job_id" in match.kwargs else request.POST.getlist("job_ids")
    detail = CHANGES[match.url_name] or (ACTIONS.get(request.POST.get("action", ""), "") if jobs else "")
    if detail:
        queue = get_queue_by_index(match.kwargs["queue_index"]).name
        after: dict[str, Value] = {"jobs": jobs} if jobs else {}
        target = Target("queue", queue, queue)
        record(actor_of(request), "queue.changed", target, organization_id=None, detail=detail, after=after)


app_name = "django_rq"
urlpatterns = [
    path("stats.json", operators_only(stats_views.stats_json), name="home_json"),
    path("metrics", operators_only(stats_views.prometheus_metrics), name="metrics"),
    *get_admin_urlpatterns(view_wrapper=operators_only),
]
