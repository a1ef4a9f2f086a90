"""How often something was tried that has a limit."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SignInLimit(models.Model):
    """A counter of `portal.accounts.sign_in_limits`: how many attempts were counted since `began_at`.

    `key` is a keyed digest of what is counted, so who can only read the table learns no address that was typed, and who
    can only write to it can't make a row for an account of their choice. `shown` is what operators read of it, without
    what looks like a secret.
    """

    class Kind(models.TextChoices):
        """What is counted together."""

        ACCOUNT = "account", "passwords of an account"
        ACCOUNT_AT_ADDRESS = "account_at_address", "passwords of an account, from one address"
        ADDRESS = "address", "passwords, from one address"
        DOMAIN = "domain", "passwords of a mail domain"
        BROWSER = "browser", "passwords of an account, from a browser it has signed in with"
        PASSWORD_AGAIN = "password_again", "passwords of somebody who is signed in"
        SECOND_FACTOR = "second_factor", "second factors of an account"
        PASSKEY = "passkey", "passkeys without an account, from one address"
        VISITOR = "visitor", "sessions of visitors, from one address"
        SSO = "sso", "sign-ins with a provider, from one address"
        SSO_LOGOUT = "sso_logout", "logout tokens of a provider, from one address"
        RESET_TO = "reset_to", "password links to an address"
        RESET_FROM = "reset_from", "password links, asked for from one address"
        MAIL_OF = "mail_of", "links mailed for an account"
        INVITATION_TO = "invitation_to", "invitations to an address"
        INVITATION_BY = "invitation_by", "invitations by one person"
        INVITATION_FROM = "invitation_from", "invitations, sent from one address"
        INVITATION_OF = "invitation_of", "invitations of an organization"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=45, unique=True, editable=False)
    shown = models.CharField("of", max_length=200, blank=True)
    count = models.PositiveIntegerField("attempts", default=0)
    began_at = models.DateTimeField(db_default=Now(), editable=False)
    last_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    class Meta:
        ordering = ["-last_at"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.shown}"
