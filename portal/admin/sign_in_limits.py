"""Which accounts and addresses are slowed down now, in the admin."""

from __future__ import annotations

from datetime import UTC

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from portal.accounts import actions as person_actions
from portal.accounts.attempt_counters import slowed_until
from portal.accounts.sign_in_limits import RATES
from portal.models import SignInLimit
from registries.foundation.admin_base import RecordAdmin, actor_of


@admin.register(SignInLimit)
class SignInLimitAdmin(RecordAdmin[SignInLimit]):
    """Attempts that are counted. Lifting a limit forgets them."""

    list_display = ("last_at", "kind", "shown", "count", "next_attempt")
    list_filter = ("kind", "last_at")
    search_fields = ("shown",)
    fields = ("kind", "shown", "count", "began_at", "last_at", "expires_at", "next_attempt")
    readonly_fields = ("next_attempt",)
    actions = ("lift",)

    @admin.display(description="next attempt")
    def next_attempt(self, row: SignInLimit) -> str:
        """When the next attempt is allowed; `now` if it is allowed already."""
        until = slowed_until(row, RATES[SignInLimit.Kind(row.kind)])
        return f"{until.astimezone(UTC):%H:%M:%S} UTC" if until > getattr(row, "now", until) else "now"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SignInLimit]:
        return super().get_queryset(request).annotate(now=Now())

    @admin.action(description="Lift selected limits", permissions=["operate"])
    def lift(self, request: HttpRequest, queryset: QuerySet[SignInLimit]) -> None:
        """Forget the attempts of each, in a transaction of its own."""
        lifted = sum(person_actions.lift_limit(row, by=actor_of(request)) for row in queryset.order_by("pk"))
        words = "1 limit is" if lifted == 1 else f"{lifted} limits are"
        self.message_user(request, f"{words} lifted.", messages.SUCCESS)
