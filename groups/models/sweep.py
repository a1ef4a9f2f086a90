"""When the sweeper was here last."""

from __future__ import annotations

from django.db import models


class SweepPass(models.Model):
    """The newest pass of the sweeper: one row, written when a pass is over. `counts` is what it set right, by kind."""

    ended_at = models.DateTimeField()
    seconds = models.FloatField()
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return str(self.ended_at)
