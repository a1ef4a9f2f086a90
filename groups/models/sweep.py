"""The sweeper's last pass."""

from __future__ import annotations

from django.db import models


class SweepPass(models.Model):
    """The last complete pass of the sweeper, in one row. `counts` has the number of rows that it changed, by kind."""

    ended_at = models.DateTimeField()
    seconds = models.FloatField()
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return str(self.ended_at)
