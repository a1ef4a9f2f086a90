"""Starting checks of images, and the upkeep of their rows. `groups.ingest.check` does the checking."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from groups.ingest.credential_hold import Chosen, record_typed, stored_credential
from groups.models import ContainerGroup, ImageCheck
from groups.rules import quotas
from groups.rules.platforms import Replica, default_platform
from groups.rules.states import Stale, move
from groups.rules.wakeups import WAKEUP_LOST_AFTER, wake_again, wake_check
from registries.credential_rows import target_of
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId, ProjectId
from registries.foundation.refusal import Refusal
from registries.models import Credential, Trust
from registries.oci.reference import Reference
from registries.trusts.presentation import usual_project

MAX_QUEUED_SECONDS = 300
"""How long a check waits for a worker."""
RETENTION_SECONDS = 3600
MAX_AT_ONCE = 5
MAX_AN_HOUR = 60
RETRY_AFTER_SECONDS = 60

_IN_PROGRESS = (ImageCheck.Status.QUEUED, ImageCheck.Status.RUNNING)


class TooManyChecks(Refusal):
    """The organization has too many checks at once or in an hour; the message says which."""

    code = "too_many_checks"
    title = "Too many checks"
    status = 429
    retry_after = RETRY_AFTER_SECONDS


def start_check(
    *,
    organization_id: OrganizationId,
    reference: Reference,
    credential: Chosen,
    project_id: ProjectId | None = None,
    against: ContainerGroup | None = None,
    platform: str = "",
    resources: Replica | None = None,
    by: Actor,
) -> ImageCheck:
    """Create a check in `queued` and wake a worker on commit. `against` is a group whose pinned image the result is
    compared with; the check is then for that image's platform. `platform` is one that a member chose; without it, the
    check chooses one as a pull for these `resources` would. A new credential is stored with it; a check doesn't extend
    how long one is kept. `project_id` is the project for which a check by a trust asks: the trust's own, or by
    default the organization's project `default`. Raises TooManyChecks and `quotas.RefusedWhileSuspended`.

    Only a check with a credential or by a trust is recorded, as a use of it. One of a public image leaves nothing to
    trace.
    """
    rows = ImageCheck.objects.filter(organization_id=organization_id)
    with transaction.atomic():
        quotas.lock_active_organization(organization_id)
        now = database_now()
        if rows.filter(status__in=_IN_PROGRESS, expires_at__gt=now).count() >= MAX_AT_ONCE:
            raise TooManyChecks(f"{MAX_AT_ONCE} checks are already in progress. Wait until one of them ends.")
        if rows.filter(created_at__gt=now - timedelta(seconds=RETENTION_SECONDS)).count() >= MAX_AN_HOUR:
            raise TooManyChecks(
                f"An organization may check {MAX_AN_HOUR} images an hour. Pulling still works; check again later."
            )
        compared = _lock(against) if against is not None else None
        if compared is not None:
            platform = compared.image.platform
        stored = stored_credential(credential, reference, organization_id=organization_id, created_by_id=by.person_id)
        row = ImageCheck.objects.create(
            organization_id=organization_id,
            credential=stored if isinstance(stored, Credential) else None,
            trust=stored if isinstance(stored, Trust) else None,
            project_id=_project_of(stored, project_id) if isinstance(stored, Trust) else None,
            reference=str(reference),
            registry=reference.registry,
            repository=reference.repository,
            version=reference.version,
            provider=stored.provider if stored else "",
            platform=platform or str(default_platform()),
            platform_chosen=bool(platform),
            resources=vars(resources or Replica()),
            against=compared,
            created_by_id=by.person_id,
            expires_at=now + timedelta(seconds=MAX_QUEUED_SECONDS),
        )
        wake_check(row.pk)
        record_typed(credential, stored, by=by)
        if isinstance(stored, Trust):
            target = Target("trust", stored.pk, stored.name)
            record(by, "trust.checked", target, organization_id=organization_id, detail=row.reference)
        if isinstance(stored, Credential):
            record(by, "credential.checked", target_of(stored), organization_id=organization_id, detail=row.reference)
    return row


def _project_of(trust: Trust, project_id: ProjectId | None) -> ProjectId | None:
    if trust.project_id is not None or project_id is not None:
        return trust.project_id or project_id
    project = usual_project(trust.organization.projects)
    return project.pk if project else None


def _lock(group: ContainerGroup) -> ContainerGroup | None:
    """Keep the group from being deleted until the transaction ends; None if it is gone. The check then compares
    nothing."""
    rows = ContainerGroup.objects.select_related("image").defer("environment", "image__config")
    return rows.select_for_update(no_key=True, of=("self",)).filter(pk=group.pk).first()


def end_overdue() -> int:
    """Fail checks as interrupted whose worker is gone or never came; return how many."""
    ended = 0
    for row in ImageCheck.objects.filter(status__in=_IN_PROGRESS, expires_at__lt=Now()):
        steps = [step | {"outcome": "failed"} if step.get("outcome") == "running" else step for step in row.steps]
        only = {"expires_at__lt": Now()}
        try:
            move(row, to=ImageCheck.Status.FAILED, only=only, code="interrupted", steps=steps, settled_at=Now())
            ended += 1
        except Stale:
            continue
    return ended


def wake_queued() -> int:
    """Wake workers again for checks that have waited longer than a wake-up takes; return how many."""
    before = Now() - WAKEUP_LOST_AFTER
    due = ImageCheck.objects.filter(status=ImageCheck.Status.QUEUED, created_at__lt=before, expires_at__gt=Now())
    return wake_again("checks", wake_check, due.values_list("pk", flat=True))


def remove_old() -> int:
    """Delete checks older than an hour; return how many."""
    before = Now() - timedelta(seconds=RETENTION_SECONDS)
    return ImageCheck.objects.filter(created_at__lt=before).delete()[0]
