"""The activity of organizations: who did what, in chains of rows that are only added.

Text that identifies people or was typed by them is stored outside the chain, in ActivityText, so that it can be erased
without breaking the chain. The database itself refuses every UPDATE and DELETE of the chain (migration 0012).
"""

from __future__ import annotations

from django.db import models


class Activity(models.Model):
    """One action. Rows are added by `portal.audit.chain.append` only.

    `organization` is None for the portal's own chain: sign-ins, nodes. It outlives its organization, so the database
    has no foreign key. `number` counts from 1 within a chain. `action` is a code such as `group.created`; `actor_kind`,
    `actor_key`, `target_kind` and `target_key` are kinds and primary keys as text. `digest` commits to the row's text,
    `hash` to the whole row and, through `previous`, to all rows before it (SHA-256, hexadecimal).
    """

    organization = models.ForeignKey(
        "portal.Organization",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="activities",
    )
    number = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    action = models.CharField(max_length=40)
    actor_kind = models.CharField(max_length=10)
    actor_key = models.CharField(max_length=40, blank=True)
    target_kind = models.CharField(max_length=20, blank=True)
    target_key = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    digest = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "activities"
        indexes = [models.Index(fields=["organization", "action", "number"], name="activity_by_action")]
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="activity_number"),
            models.UniqueConstraint(
                fields=["number"], condition=models.Q(organization__isnull=True), name="activity_number_of_portal"
            ),
        ]

    def __str__(self) -> str:
        chain = f"organization {self.organization_id}" if self.organization_id else "the portal"
        return f"Row {self.number} of {chain}: {self.action}"

    @property
    def kept_text(self) -> ActivityText | None:
        """The row's text, None once it is erased. Costs a query unless it was read with `select_related("text")`."""
        text: ActivityText | None = getattr(self, "text", None)
        return text


class ActivityText(models.Model):
    """The part of an activity that can be erased. It can't be changed.

    `salt` keeps a short text from being guessed by its digest. `link` is the address of the target for rows that were
    written before targets had keys. `before` and `after` hold changed settings by name, never a secret.
    """

    activity = models.OneToOneField(
        Activity, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="text"
    )
    salt = models.CharField(max_length=32)
    actor_name = models.CharField(max_length=254, blank=True)
    client_address = models.CharField(max_length=45, blank=True)
    target_name = models.CharField(max_length=254, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    link = models.CharField(max_length=300, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"text of {self.activity_id}"


class ActivityHead(models.Model):
    """The newest row of a chain, locked by whoever appends the next one. `chain` is the organization's key, or
    `portal`."""

    chain = models.CharField(max_length=20, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.chain} {self.number}"
