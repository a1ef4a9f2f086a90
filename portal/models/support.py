"""Support's cases: failures and members' questions; the conversations about them; and who viewed which failure."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class SupportCase(models.Model):
    """What has a state and a note at the support desk: a failure (`FailureCase`) or a member's question
    (`SupportRequest`).

    `state` changes only through compare-and-set. `note` is read by support alone.
    """

    class State(models.TextChoices):
        NEW = "new", "New"
        SEEN = "seen", "Seen"
        WAITING = "waiting", "Waiting for the member"
        SOLVED = "solved", "Solved"

    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    note = models.TextField(max_length=8000, blank=True, help_text="Only support reads this.")

    class Meta:
        abstract = True


class FailureCase(SupportCase):
    """Support's state and note of a failure. A failure without a row is new and has no note."""

    failure = models.OneToOneField(
        "groups.Failure", primary_key=True, on_delete=models.CASCADE, related_name="support_case"
    )

    def __str__(self) -> str:
        return f"{self.get_state_display()} · {self.pk}"


class SupportRequest(SupportCase):
    """A question to support: about a failure, or for a kind of registry that is not offered. Its messages are the
    conversation that follows.

    `shares` is the member's consent: with it support sees all of the failure that the question is about; without,
    its code, step, kind of registry and times. `asked_at` is when a member last wrote; the queue is ordered by it.
    """

    class Kind(models.TextChoices):
        FAILURE = "failure", "Failed pull"
        REGISTRY = "registry", "Registry wanted"
        OTHER = "other", "Something else"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="support_requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    failure = models.ForeignKey(
        "groups.Failure", null=True, blank=True, on_delete=models.SET_NULL, related_name="support_requests"
    )
    registry = models.CharField("registry", max_length=255, blank=True, help_text="The registry that is wanted.")
    shares = models.BooleanField("support sees all of the failure", default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    asked_at = models.DateTimeField("a member wrote last", db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.organization}"

    @property
    def about(self) -> str:
        """A few words on what it is about, for its organization."""
        if self.failure is not None:
            return f"The failure of {self.failure.group_name}"
        return f"A registry: {self.registry}" if self.registry else "A question"

    @property
    def state_for_member(self) -> str:
        """The state, as a member reads it."""
        return {
            self.State.NEW: "Sent to support",
            self.State.SEEN: "With support",
            self.State.WAITING: "Waits for you",
            self.State.SOLVED: "Solved",
        }[self.State(self.state)]


class SupportMessage(models.Model):
    """A message in a conversation with support, by a member or by support; rows are only added.

    `state` is the state that its author chose for the conversation, if any; such a message may have no text.
    """

    class Side(models.TextChoices):
        MEMBER = "member", "Member"
        SUPPORT = "support", "Support"

    request = models.ForeignKey(SupportRequest, on_delete=models.CASCADE, related_name="messages")
    side = models.CharField(max_length=10, choices=Side.choices)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(max_length=8000, blank=True)
    state = models.CharField(max_length=10, choices=SupportCase.State.choices, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    mailed_at = models.DateTimeField("mailed", null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.get_side_display()}, {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_from_support(self) -> bool:
        return self.side == self.Side.SUPPORT


class SupportReader(models.Model):
    """A member who wrote in a conversation with support and is notified of answers. `unread` while they haven't opened
    the newest answer."""

    request = models.ForeignKey(SupportRequest, on_delete=models.CASCADE, related_name="readers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    unread = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "person"], name="reader_per_conversation")]
        indexes = [models.Index(fields=["person", "unread"])]

    def __str__(self) -> str:
        return f"{self.person}, {'unread' if self.unread else 'read'}"


class SupportLook(models.Model):
    """A view of a failure by support or an operator: one row a person and day, which the member sees.

    `saw_all` says whether more than code, step, kind of registry and times was shown, at least once that day.
    """

    failure = models.ForeignKey("groups.Failure", on_delete=models.CASCADE, related_name="looks")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    saw_all = models.BooleanField(default=False)
    first_at = models.DateTimeField(db_default=Now(), editable=False)
    last_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["failure", "person", "day"], name="look_per_day")]

    def __str__(self) -> str:
        return f"{self.person} on {self.day}"
