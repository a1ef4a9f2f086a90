"""What operators can do for people who lost their second factors: remove all of them, with a reason."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from portal.accounts.factor_actions import reset_factors
from portal.models import User
from registries.foundation.admin_base import GuardedAdmin, actor_of, reason_of


class ResetsFactors(GuardedAdmin[User]):
    """The admin of people, with the action that removes their second factors."""

    @admin.action(description="Reset second factors", permissions=["operate"])
    def reset_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse | None:
        """Remove all second factors of these people, after asking for a reason."""

        def reset(person: User) -> bool:
            return reset_factors(person, reason_of(request), by=actor_of(request))

        return self.apply_confirmed(
            request,
            queryset,
            reset,
            action="reset_second_factors",
            title="Reset the second factors of these people?",
            text=(
                "Their passkeys, authenticator apps and recovery codes are removed, they are signed out everywhere, "
                "and they get an email. First make sure in another way that it is the person who asks."
            ),
            change="Reset second factors",
            reason_label="How you made sure who asks (the person reads this)",
        )
