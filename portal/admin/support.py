"""Failures and support requests in the admin: their pages are the support desk's (`portal.support.desk`), where what a
member didn't share is not shown, filtered by or searched. So nothing of theirs is left to the admin's own lists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from groups.models import Failure
from portal.models import SupportRequest
from registries.foundation.admin_base import GuardedAdmin, ReadOnlyMixin, Row


class DeskAdmin(ReadOnlyMixin, GuardedAdmin[Row]):
    """Leads to the desk; an object's history is the operators' to read, as it tells names."""

    what = ""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse('desk:queue')}?what={self.what}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return HttpResponseRedirect(reverse("desk:case", args=[self.what, row.pk]))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
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
