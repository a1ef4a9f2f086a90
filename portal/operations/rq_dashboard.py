"""RQ's dashboard below `/admin/rq/`, for operators only. It shows queues, workers and jobs; a job's argument is an id.

The package lets every staff member in, and its pages carry inline style and script. So each of its views is gated
here, and only its pages get a looser content policy. Where the package names no serializer, RQ would unpickle data from
Redis, and whoever can write there could run code in the web process: JSON is the default instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django_rq import stats_views
from django_rq.urls import get_admin_urlpatterns
from redis.exceptions import RedisError
from rq import serializers

serializers.PickleSerializer = serializers.JSONSerializer  # type: ignore[assignment]

P = ParamSpec("P")
_INLINE = {"script-src": [UNSAFE_INLINE], "style-src": [UNSAFE_INLINE]}


def operators_only(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Make a view a page for operators: visitors sign in first, others get 403, and 503 if Redis doesn't answer."""

    @csp_update(_INLINE)
    @wraps(view)
    def gated(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except (IndexError, ValueError):  # an unknown queue, worker or scheduler
            raise Http404 from None
        except (RedisError, OSError):
            return HttpResponse("Redis does not answer.\n", status=503, content_type="text/plain")

    return admin.site.admin_view(gated)


app_name = "django_rq"
urlpatterns = [
    path("stats.json", operators_only(stats_views.stats_json), name="home_json"),
    path("metrics", operators_only(stats_views.prometheus_metrics), name="metrics"),
    *get_admin_urlpatterns(view_wrapper=operators_only),
]
