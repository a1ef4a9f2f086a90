"""Registries that have proved their identity over TLS."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class TlsHost(models.Model):
    """A registry, `host[:port]`, that has proved its identity over TLS. Nothing is sent to it unencrypted any more, in
    networks that are opened for that either. For display: workers keep a note of their own, which counts as well
    (`registries.secrets.tls_notes`)."""

    host = models.CharField(max_length=260, primary_key=True)
    since = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["host"]
        verbose_name = "host with TLS"
        verbose_name_plural = "hosts with TLS"

    def __str__(self) -> str:
        return self.host
