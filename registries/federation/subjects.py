"""Subjects: what a token says for whom an image is pulled. They are built from ids that never change."""

from __future__ import annotations

from uuid import UUID

MAX_LENGTH = 127
"""Google takes no longer one (`google.subject`), in bytes; ours without a suffix have 94."""


def subject_of(organization_uuid: UUID, project_uuid: UUID, suffix: str = "") -> str:
    """Return the subject of a project's pulls. `suffix` limits it to one registry (`TrustKind.subject_suffix`)."""
    return f"organization:{organization_uuid}:project:{project_uuid}{suffix}"
