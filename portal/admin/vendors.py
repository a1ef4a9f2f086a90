"""What other packages put into the admin, cut down: second factors without their secrets, sign-in records that
nobody rewrites, and RQ's dashboard as one link for operators. Sections bear words instead of packages' names."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_rq.models import Dashboard

from registries.records import GuardedAdmin, RecordAdmin, Unwritable

for _package in ("allauth.mfa", "axes", "django_rq"):
    import_module(f"{_package}.admin")  # it registers itself then, and not again later
admin.site.unregister([AccessAttempt, AccessFailureLog, AccessLog, Authenticator, Dashboard])

for _label, _words in {
    "account": "Addresses",
    "admin": "Audit",
    "axes": "Signing in",
    "django_rq": "Queues",
    "groups": "Groups and nodes",
    "mfa": "Second factors",
    "portal": "Customers and people",
}.items():
    apps.get_app_config(_label).verbose_name = _words
Dashboard._meta.verbose_name_plural = "Jobs by queue"


@admin.register(Authenticator)
class AuthenticatorAdmin(RecordAdmin):
    """A second factor. An operator may take it from a person who lost it, and never sees its secret."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(RecordAdmin):
    """Failed sign-ins, without the form that was sent. Deleting one lifts its lock."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "=ip_address")
    date_hierarchy = "attempt_time"
    fields = list_display

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)


@admin.register(AccessLog)
class AccessLogAdmin(RecordAdmin):
    """Who signed in, from where."""

    list_display = ("attempt_time", "logout_time", "username", "ip_address", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "=ip_address")
    date_hierarchy = "attempt_time"
    fields = list_display


@admin.register(Dashboard)
class DashboardAdmin(Unwritable, GuardedAdmin):
    """The entry in the index; the pages are `portal.queues`'s."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        return HttpResponseRedirect(reverse("django_rq:home"))

    def get_urls(self) -> list[Any]:
        return super().get_urls()[:1]  # there is no table behind it: only the list, which leads on
