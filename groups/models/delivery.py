"""Delivery of an image to a node: its manifest for the node, its token, and what was sent."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from groups.rules.group_settings import MAX_GROUP_NAME_LENGTH
from registries.foundation.id_fields import TokenIdField


class NodeManifest(models.Model):
    """The image's manifest for one node, with layer keys encrypted to that node's public key. The worker zone's
    `signature` says for which image and node it was made (`groups.nodes.manifest_signing`)."""

    image = models.ForeignKey("groups.Image", on_delete=models.CASCADE, related_name="node_manifests")
    node = models.ForeignKey("groups.Node", on_delete=models.CASCADE, related_name="manifests")
    digest = models.CharField(max_length=71, db_index=True)
    body = models.BinaryField(editable=False)
    signature = models.CharField(max_length=128, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "node"], name="manifest_per_node")]

    def __str__(self) -> str:
        return self.digest


class NodeTokenQuerySet(models.QuerySet["NodeToken"]):
    """Conditions on tokens."""

    def outstanding(self) -> NodeTokenQuerySet:
        """Tokens that were not ended."""
        return self.filter(ended_at__isnull=True)

    def usable(self) -> NodeTokenQuerySet:
        """Tokens that can still be redeemed, or whose session is open."""
        unredeemed = models.Q(redeemed_at__isnull=True, expires_at__gt=Now())
        in_session = models.Q(session_expires_at__gt=Now())
        return self.outstanding().filter(unredeemed | in_session)


class NodeToken(models.Model):
    """A one-time token and, once redeemed, its session. Only digests of the token and of the session's bearer are
    stored, so the table contains nothing that could be presented. `repeated_at`: the token's node presented it a second
    time, from the same address, and got the same session.

    Group, instance, image and node can be deleted before it; their names stay for the ledger.
    """

    id = TokenIdField(primary_key=True, default=uuid.uuid4, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="node_tokens")
    group = models.ForeignKey("groups.ContainerGroup", null=True, on_delete=models.SET_NULL, related_name="tokens")
    group_name = models.CharField("group", max_length=MAX_GROUP_NAME_LENGTH)
    instance = models.ForeignKey("groups.Instance", null=True, on_delete=models.SET_NULL, related_name="tokens")
    image = models.ForeignKey("groups.Image", null=True, on_delete=models.SET_NULL, related_name="tokens")
    node = models.ForeignKey("groups.Node", null=True, on_delete=models.SET_NULL, related_name="tokens")
    node_name = models.CharField("node", max_length=63)
    manifest_digest = models.CharField(max_length=71)
    issued_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True, blank=True)
    redeemed_from = models.GenericIPAddressField(null=True, blank=True)
    repeated_at = models.DateTimeField(null=True, blank=True)
    session_hash = models.CharField(max_length=64, null=True, blank=True, unique=True, editable=False)
    session_expires_at = models.DateTimeField(null=True, blank=True)
    manifest_sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=20, blank=True)

    objects = NodeTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-issued_at"]
        indexes = [models.Index(fields=["group", "-issued_at"])]

    def __str__(self) -> str:
        return f"{self.group_name} on {self.node_name}"


class Redemption(models.Model):
    """One presentation of a token, accepted or refused, or a refused request of a session."""

    class Outcome(models.TextChoices):
        OPENED = "opened", "Opened a session"
        REPEATED = "repeated", "Same node again, same session"
        REFUSED = "refused", "Refused"

    token = models.ForeignKey(NodeToken, null=True, blank=True, on_delete=models.CASCADE, related_name="redemptions")
    presented_by = models.CharField("presented by", max_length=63, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=30, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.outcome} {self.reason}".strip()


class UnusualPresentation(Redemption):
    """A refusal that neither an honest node nor a slow network explains; the admin lists them."""

    class Meta:
        proxy = True


class LayerDelivery(models.Model):
    """What one session got of one layer. `sent_whole` counts complete bodies, `sent_bytes` all bytes, `grants` how
    often nginx or the store sent it instead."""

    token = models.ForeignKey(NodeToken, on_delete=models.CASCADE, related_name="layer_deliveries")
    digest = models.CharField(max_length=71)
    sent_whole = models.PositiveIntegerField(default=0)
    sent_bytes = models.PositiveBigIntegerField(default=0)
    grants = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(db_default=Now(), editable=False)
    last_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "digest"], name="layer_per_token")]

    def __str__(self) -> str:
        return self.digest
