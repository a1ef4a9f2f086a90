"""The registry credential: sealed while a pull may need it, a receipt afterwards."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from registries.foundation.clock import database_now
from registries.foundation.id_fields import CredentialIdField
from registries.providers.sign_in_hosts import sign_in_hosts

MAX_NAME_LENGTH = 63
ERASED_NAME = "Name erased"
"""The name of a receipt whose name was erased."""
OVERDUE_AFTER = timedelta(seconds=60)
"""A credential must be destroyed within this time after its deadline: the sweeper runs every few seconds."""


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Credentials by whether their secret is held and usable."""

    def for_image(self, host: str, repository: str) -> CredentialQuerySet:
        """Those that were entered for this host, and not for another repository."""
        return self.filter(host=host, repository__in=["", repository])

    def held(self) -> CredentialQuerySet:
        """Those whose secret is not destroyed."""
        return self.filter(destroyed_at__isnull=True)

    def live(self) -> CredentialQuerySet:
        """Those that a pull may open: held, and before their deadline."""
        return self.held().filter(deadline__gt=Now())

    def expired(self) -> CredentialQuerySet:
        """Those that are held although their deadline has passed: the sweeper destroys them."""
        return self.held().filter(deadline__lte=Now())

    def overdue(self) -> CredentialQuerySet:
        """Those that are held over a minute past their deadline, which means that the sweeper fails."""
        return self.held().filter(deadline__lt=Now() - OVERDUE_AFTER)


class Credential(models.Model):
    """One credential. Secrets are only in `sealed`, which is emptied when it is destroyed; the rest of the row stays as
    the receipt. `fields` has the values that are not secret, such as the user name. `ca` has certificates (PEM) of
    authorities that are trusted for this registry in addition to the public ones.

    `hold` is its Retention: `pull` until the pull that uses it ends, or, where that fails for a reason that is not the
    credential, until it is tried again; `hour` for other groups too. `deadline` ends both; it can be extended up to
    `latest_deadline`. `repository` is the only one that the secret is used for, empty for all of the host's. What
    decides where the secret is shown is sealed as well (`registries.secrets.credential_binding`): a worker refuses a
    row whose columns say something else. `sign_in_host`, the other `host[:port]` at which the registry signs in, can be
    confirmed later too: then `sign_in_mark` proves that (`registries.secrets.sign_in_offers`). `entered_mark` proves
    that `fields` and `ca` are what was entered (`registries.secrets.entered_marks`).
    """

    class Retention(models.TextChoices):
        PULL = "pull", "Until the pull that uses it ends"
        HOUR = "hour", "For other groups too, for at most an hour"

    class DestructionReason(models.TextChoices):
        SETTLED = "settled", "the pull ended"
        DEADLINE = "deadline", "its time was over"
        REMOVED = "removed", "a member removed it"
        REPLACED = "replaced", "another one took its place"
        OPERATOR = "operator", "an operator destroyed it"
        TAMPERED = "tampered", "its record was not as it was sealed"

    id = CredentialIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="credentials")
    provider = models.CharField("registry", max_length=20)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    host = models.CharField(max_length=255)
    repository = models.CharField(max_length=255, blank=True, default="", db_default="")
    fields = models.JSONField(default=dict, blank=True)
    ca = models.TextField("own authorities", blank=True, default="", db_default="")
    sign_in_host = models.CharField(max_length=260, blank=True, default="", db_default="", editable=False)
    sign_in_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    entered_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    hold = models.CharField(max_length=4, choices=Retention.choices, default=Retention.PULL)
    epoch = models.PositiveIntegerField(null=True, editable=False)
    sealed = models.BinaryField(null=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    deadline = models.DateTimeField()
    latest_deadline = models.DateTimeField(null=True, blank=True, editable=False)
    used_count = models.PositiveIntegerField(default=0)
    used_hosts = models.JSONField(default=list, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    destroyed_because = models.CharField(max_length=10, choices=DestructionReason.choices, blank=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at"]
        indexes = [models.Index(fields=["organization", "-received_at"]), models.Index(fields=["deadline"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(destroyed_at__isnull=False, sealed__isnull=True, epoch__isnull=True)
                | models.Q(destroyed_at__isnull=True, sealed__isnull=False, epoch__isnull=False),
                name="credential_sealed_or_destroyed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"

    @property
    def is_held(self) -> bool:
        """Whether its secret is not destroyed."""
        return self.destroyed_at is None

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts that the secret may be sent to: the registry, and where it is known or confirmed to sign in."""
        confirmed = (self.sign_in_host,) if self.sign_in_host else ()
        return (self.host, *sign_in_hosts(self.host), *confirmed)

    @property
    def is_live(self) -> bool:
        """Whether a pull may open it."""
        return self.is_held and self.deadline > database_now()
