"""Links in emails that make another email address the one of an account."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class AddressChangeQuerySet(models.QuerySet["AddressChange"]):
    """Links by their state."""

    def open(self) -> AddressChangeQuerySet:
        """Those that have not expired."""
        return self.filter(expires_at__gt=Now())


class AddressChange(models.Model):
    """A link that was sent to `email`, which its person wants to sign in with. Only a digest of its token is stored.
    `seal` covers whose account gets which address (`registries.secrets.one_time`). The newest link of a person is the
    one that works, while `account_state`, a digest of the account, is what it was."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField("new e-mail address")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    seal = models.CharField(max_length=64, editable=False)
    account_state = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(db_index=True)

    objects = AddressChangeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.person_id} {self.created_at}"
