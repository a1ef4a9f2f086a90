"""Single sign-on: identity providers, sign-ins with them, linked identities, and domains of organizations.

What gives power has a mark (`registries.secrets.sso_marks`), and what only workers may read is sealed
(`registries.secrets.sign_in_seal`).
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from portal.models.organization import Role
from registries.foundation.id_fields import (
    LinkedIdentityIdField,
    ProviderLogoutIdField,
    SsoProviderIdField,
    SsoSignInIdField,
    VerifiedDomainIdField,
)
from registries.foundation.ids import SsoProviderId

PORTAL_PROVIDER = SsoProviderId(uuid.UUID(int=1))
"""The id of the whole portal's provider, which the environment names."""
MAX_SUBJECT_LENGTH = 255
"""OpenID Connect Core allows 255 ASCII characters."""


class SsoProvider(models.Model):
    """An OpenID Connect provider of one organization, or of the whole portal (`organization` is None).

    `client` is the client's secret, sealed with the issuer and the client's id: workers act on what they unseal.
    `mark` covers the settings. `configuration` is what a worker read in the discovery document, with a mark of its own.
    `problem` is the code of what was wrong when it was read last.
    """

    id = SsoProviderIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.OneToOneField(
        "portal.Organization", null=True, on_delete=models.CASCADE, related_name="sso_provider"
    )
    issuer = models.CharField(max_length=500)
    client_id = models.CharField("client ID", max_length=255)
    client = models.BinaryField(null=True, editable=False)
    requires_sso = models.BooleanField(default=False, db_default=False)
    adds_members = models.BooleanField(default=False, db_default=False)
    default_role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    required_claim = models.CharField(max_length=100, blank=True, default="", db_default="")
    required_value = models.CharField(max_length=200, blank=True, default="", db_default="")
    mark = models.CharField(max_length=64, default="", db_default="", editable=False)
    configuration = models.TextField(blank=True, default="", db_default="", editable=False)
    configuration_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    problem = models.CharField(max_length=60, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "identity provider"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(organization__isnull=False) | models.Q(pk=PORTAL_PROVIDER), name="sso_provider_owner"
            ),
            models.CheckConstraint(condition=models.Q(default_role__in=Role.values), name="sso_provider_role"),
        ]

    def __str__(self) -> str:
        return self.issuer


class SsoSignInQuerySet(models.QuerySet["SsoSignIn"]):
    """Sign-ins by their time."""

    def in_time(self) -> SsoSignInQuerySet:
        """Those that have not expired."""
        return self.filter(expires_at__gt=Now())


class SsoSignIn(models.Model):
    """One sign-in with a provider, from the click to its end. The browser's session has the state, the database a
    digest. `sealed` is the code, for a worker; `result` what the worker verified, encrypted for this row."""

    class Status(models.TextChoices):
        STARTED = "started"
        EXCHANGING = "exchanging"
        VERIFIED = "verified"
        REFUSED = "refused"
        REDEEMED = "redeemed"

    id = SsoSignInIdField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(SsoProvider, on_delete=models.CASCADE, related_name="sign_ins")
    state_hash = models.CharField(max_length=64, unique=True, editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STARTED)
    sealed = models.BinaryField(null=True, editable=False)
    result = models.BinaryField(null=True, editable=False)
    refresh = models.BinaryField(null=True, editable=False)
    problem = models.CharField(max_length=60, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()

    objects = SsoSignInQuerySet.as_manager()

    class Meta:
        verbose_name = "sign-in with a provider"
        indexes = [models.Index(fields=["expires_at"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["started", "exchanging", "verified", "refused", "redeemed"]),
                name="sso_sign_in_status",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class LinkedIdentity(models.Model):
    """A person as a provider knows them: its subject identifier. `mark` covers whose it is and the `epoch`, which is
    raised to end the sessions that began with it.
    `refresh_unanswered`: the refresh token was used and no answer was stored, so it may have been replaced by one that
    was lost. `withdrawn_at` is when the provider said that the account is gone."""

    id = LinkedIdentityIdField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(SsoProvider, on_delete=models.CASCADE, related_name="identities")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="linked_identities")
    subject = models.CharField(max_length=MAX_SUBJECT_LENGTH)
    email = models.EmailField("e-mail address", blank=True)
    epoch = models.PositiveIntegerField(default=0, db_default=0)
    mark = models.CharField(max_length=64, default="", db_default="", editable=False)
    refresh = models.BinaryField(null=True, editable=False)
    refresh_checked_at = models.DateTimeField(null=True, blank=True)
    refresh_unanswered = models.BooleanField(default=False, db_default=False)
    refused_since = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    linked_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "linked identities"
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject"], name="linked_identity_subject"),
            models.UniqueConstraint(fields=["provider", "person"], name="linked_identity_person"),
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.provider}"


class ProviderSession(models.Model):
    """A recent session at a provider with which one here began, by a digest of the provider's own id (`sid`): a logout
    token may name nothing else."""

    identity = models.ForeignKey(LinkedIdentity, on_delete=models.CASCADE, related_name="+")
    sid_hash = models.CharField(max_length=64, db_index=True, editable=False)

    def __str__(self) -> str:
        return f"{self.identity_id} {self.pk}"


class VerifiedDomain(models.Model):
    """A domain that an organization says is its own. `token` is what its TXT record must contain, and fits this row's
    organization and name only. `mark` is made each time a worker has found it there, and covers `valid_until`: without
    one that fits and has not expired, the domain is not verified. So a row that somebody puts back is worth nothing
    after that time."""

    id = VerifiedDomainIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253)
    token = models.CharField(max_length=64, editable=False)
    mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=60, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="verified_domain_once"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(verified_at__isnull=False), name="verified_domain_of_one"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderLogout(models.Model):
    """A logout token that a provider sent (OpenID Connect Back-Channel Logout), encrypted until a worker has verified
    it. `jti_hash` is set then, so that a token counts once. `named` is a digest of whom it says it is about."""

    id = ProviderLogoutIdField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(SsoProvider, on_delete=models.CASCADE, related_name="logouts")
    token = models.BinaryField(null=True, editable=False)
    named = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    jti_hash = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    problem = models.CharField(max_length=60, blank=True, default="", db_default="")
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["received_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["jti_hash"], condition=~models.Q(jti_hash=""), name="provider_logout_token_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
