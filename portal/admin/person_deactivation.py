"""Deactivating somebody asks first, and says what ends."""

from __future__ import annotations

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from portal.accounts import browser_sessions
from portal.models import User
from portal.organizations.holdings import holdings_of
from portal.organizations.rules import is_last_owner
from registries.foundation.admin_base import GuardedAdmin

CONFIRMED = "_deactivate"
"""The field of the form that was confirmed."""
_OF_THE_PAGE = ("csrfmiddlewaretoken", CONFIRMED)


class AsksBeforeDeactivating(GuardedAdmin[User]):
    """The admin of people, with a page between the form and the deactivation."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Ask before a form that deactivates is saved. What was entered is sent again by the page that asks."""
        person = None
        if request.method == "POST" and object_id and not request.POST.keys() & {"is_active", CONFIRMED}:
            person = self.get_object(request, unquote(object_id))
        if person is None or not person.is_active or person.pk == request.user.pk:
            return super().changeform_view(request, object_id, form_url, extra_context)
        if not self.has_change_permission(request, person):
            return super().changeform_view(request, object_id, form_url, extra_context)
        return self._ask(request, person)

    def _ask(self, request: HttpRequest, person: User) -> HttpResponse:
        memberships = person.memberships.select_related("organization").order_by("organization__name")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Deactivate {person}?",
            "person": person,
            "confirmed": CONFIRMED,
            "fields": [
                (name, value) for name, values in request.POST.lists() if name not in _OF_THE_PAGE for value in values
            ],
            "browsers": len(browser_sessions.listed(person, own_row_key="")),
            "organizations": [
                {
                    "membership": row,
                    "lines": holdings_of(person.pk, row.organization_id).lines,
                    "is_last_owner": is_last_owner(row),
                }
                for row in memberships
            ],
            "opts": User._meta,
        }
        return TemplateResponse(request, "admin/portal/user/deactivate.html", context)
