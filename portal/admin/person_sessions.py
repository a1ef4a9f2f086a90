"""What operators can do about the sessions of people: sign them out everywhere."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from portal.accounts.session_actions import end_all_sessions
from portal.models import User
from registries.foundation.admin_base import GuardedAdmin, actor_of


class EndsSessions(GuardedAdmin[User]):
    """The admin of people, with the action that ends all their sessions."""

    @admin.action(description="Sign out everywhere", permissions=["operate"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse | None:
        """End all sessions of these people, after asking."""

        def end(person: User) -> bool:
            end_all_sessions(person, by=actor_of(request))
            return True

        return self.apply_confirmed(
            request,
            queryset,
            end,
            action="end_sessions",
            title="Sign these people out everywhere?",
            text="Every browser in which they are signed in has to sign in again. Their API keys still work.",
            change="Signed out",
        )
