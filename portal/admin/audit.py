"""The log of what operators and support did in the admin: read, never rewritten. What members did stands in their
organization's own log."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from registries.foundation.admin_base import RecordAdmin


@admin.register(LogEntry)
class AuditLogAdmin(RecordAdmin):
    """Who did what to which row."""

    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_filter = ("action_flag", ("content_type", admin.RelatedOnlyFieldListFilter), "action_time")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr", "=object_id", "change_message")
    date_hierarchy = "action_time"
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "what")
    readonly_fields = ("what",)

    @admin.display(description="change")
    def what(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()
