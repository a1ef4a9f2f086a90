"""Failures and support requests in the admin lead to the support desk (`portal.support.desk`). The admin's own lists
would show, filter by and search what a member didn't share with support."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from groups.models import Failure
from portal.models import SupportRequest
from registries.foundation.admin_base import GuardedAdmin, ReadOnlyMixin, Row


class DeskAdmin(ReadOnlyMixin, GuardedAdmin[Row]):
    """Redirects to the desk. Only operators read an object's history, since it has names."""

    what = ""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse('desk:queue')}?what={self.what}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return HttpResponseRedirect(reverse("desk:case", args=[self.what, row.pk]))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)


@admin.register(Failure)
class FailureAdmin(DeskAdmin[Failure]):
    """Pulls that failed for good."""

    what = "failure"


@admin.register(SupportRequest)
class SupportRequestAdmin(DeskAdmin[SupportRequest]):
    """What members asked."""

    what = "request"
