"""The recipe of a check: what a pull of this image would meet, found without requesting a layer.

    resolve · connect · ping · authenticate · manifest · platform · size

The credential is opened, and its use noted, as for a pull; a check neither destroys it nor keeps it longer. Who may
check, and how often, is decided in `groups.actions.checks`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from groups.ingest import limits, step_details
from groups.ingest.attempt import Attempt
from groups.ingest.check_steps import CheckSteps
from groups.ingest.claim import WorkerShutdown
from groups.ingest.opened_credential import open_credential
from groups.ingest.opened_trust import open_trust
from groups.ingest.platform_choice import fleet_of_check, offered_to_nodes, pick, read_picked_config
from groups.ingest.unexpected_errors import log_unexpected
from groups.models import ImageCheck
from groups.rules import quotas
from groups.rules.states import Stale, move
from groups.rules.wakeups import wake_check
from registries.failures import ImageNotFound, Interrupted, PullFailed, Unexpected
from registries.foundation.ids import CheckId
from registries.oci.client import RegistryClient
from registries.oci.config import Config
from registries.oci.manifest import Manifest
from registries.oci.timeouts import Timeouts

log = structlog.get_logger(__name__)

RUNNING_SECONDS = 150
"""A check that is still running after this has lost its worker."""
TIMEOUTS = Timeouts(connect=10.0, read=15.0, head=20.0, document=30.0)
MAX_LAYERS_SHOWN = 5
MAX_TRIES = 10
"""How often a worker looks again after another one was quicker."""
MAX_TAGS = 200

Name = ImageCheck.Step


def check(check_id: CheckId | None = None) -> None:
    """Carry out the queued check whose turn it is, or only this one, and write how it ended; then wake a worker for the
    next one. Does nothing if there is none, or other workers are busy with checks of the same organizations.

    Raises WorkerShutdown.
    """
    row = _take(check_id)
    if row is None:
        return
    try:
        with suppress(Stale):
            _carry_out(row)
    finally:
        following = ImageCheck.objects.by_turn().first()
        if following is not None:
            wake_check(following.pk)


def _take(check_id: CheckId | None) -> ImageCheck | None:
    """Take a check if it is still its turn once its organization's quota is locked."""
    for _ in range(MAX_TRIES):
        first = _next(check_id)
        if first is None:
            return None
        with suppress(Stale), transaction.atomic():
            quotas.lock_organization(first.organization_id)
            row = _next(check_id)
            if row is not None and row.organization_id == first.organization_id:
                return move(row, to=ImageCheck.Status.RUNNING, expires_at=Now() + timedelta(seconds=RUNNING_SECONDS))
    return None


def _next(check_id: CheckId | None) -> ImageCheck | None:
    queued = ImageCheck.objects.by_turn().select_related("organization__quota")
    return (queued if check_id is None else queued.filter(pk=check_id)).first()


def _carry_out(row: ImageCheck) -> None:
    steps = CheckSteps(row)
    try:
        _follow_recipe(row, Attempt(row, steps, timeouts=TIMEOUTS), steps.found)
        steps.finish()
    except Stale:
        raise
    except PullFailed as failure:
        steps.fail(failure)
    except WorkerShutdown:
        with suppress(Stale):
            steps.fail(Interrupted())
        raise
    except Exception as error:
        steps.fail(Unexpected(raw=log_unexpected("check_unexpected", error, check=str(row.pk))))
    log.info("check_over", check=str(row.pk), status=row.status, code=row.code)


def _follow_recipe(row: ImageCheck, attempt: Attempt[Name], found: dict[str, object]) -> None:
    repository = row.repository
    max_bytes = limits.max_image_bytes(row)
    with attempt.closing_clients():
        anonymous = attempt.anonymous_client()
        with attempt.step(Name.RESOLVE) as note:
            anonymous.resolve()
            note.detail = row.registry
        with attempt.step(Name.CONNECT) as note:
            ping_failure = _connect(anonymous, row)
            note.detail = f"{row.registry} answers{_encrypted(anonymous, ping_failure)}"
        with attempt.step(Name.PING) as note:
            if ping_failure is not None:
                raise ping_failure
            note.detail = "It is a container registry"
        with attempt.step(Name.AUTHENTICATE) as note:
            opened = open_trust(row) if row.trust_id else open_credential(row)
            client = attempt.signed_in_client(opened)
            client.authenticate(repository, row.version)
            note.detail = step_details.signed_in(opened.login if opened else None, by_trust=bool(row.trust_id))
        try:
            with attempt.step(Name.MANIFEST) as note:
                document = client.fetch_manifest(repository, row.version)
                found["digest"] = document.digest
                found["remaining"] = client.limits.remaining if client.limits else None
                note.detail = step_details.document_digest(document)
        except ImageNotFound:
            found["tags"] = _tags(client, repository)
            raise
        with attempt.step(Name.PLATFORM) as note:
            fleet = fleet_of_check(row)
            picked = pick(client, repository, document, fleet)
            manifest = picked.manifest
            config = read_picked_config(client.config(repository, manifest), picked, fleet)
            found["found_platform"] = str(config.platform)
            found["platform_digest"] = manifest.digest
            found["platforms"] = offered_to_nodes(document, config, fleet)
            note.detail = step_details.platform(config.platform, document, picked.reason)
            client.check_outside(repository, manifest)
        found["tags"] = _tags(client, repository)
        with attempt.step(Name.SIZE) as note:
            found.update(_measured(manifest, config, max_bytes))
            limits.enforce(manifest, max_bytes)
            quotas.allow_storing(quotas.quota_of(row.organization), manifest)
            note.detail = step_details.size_of_limit(manifest, max_bytes)


def _connect(client: RegistryClient, row: ImageCheck) -> PullFailed | None:
    """Connect; return the failure where the host answered, but not as a registry."""
    try:
        client.connect(row.repository, row.version)
    except PullFailed as failure:
        if failure.response is None:
            raise
        return failure
    return None


def _encrypted(client: RegistryClient, ping_failure: PullFailed | None) -> str:
    if ping_failure is not None:
        return ""
    return " over TLS, with a certificate that is trusted" if client.over_tls else ", without TLS"


def _measured(manifest: Manifest, config: Config, max_bytes: int) -> dict[str, object]:
    """The size by column of ImageCheck, with the largest layers and the build lines that made them."""
    lines = {layer.digest: line for layer, line in zip(manifest.layers, config.created_by, strict=True)}
    sizes = {layer.digest: layer.size for layer in manifest.layers}
    largest = sorted(sizes, key=lambda digest: sizes[digest], reverse=True)[:MAX_LAYERS_SHOWN]
    return {
        "size": manifest.declared_bytes,
        "limit": max_bytes,
        "layer_count": len(manifest.layers),
        "layers": [{"size": sizes[digest], "created_by": lines[digest]} for digest in largest],
    }


def _tags(client: RegistryClient, repository: str) -> list[str]:
    """The repository's tags, `latest` and the highest versions first; none where the registry doesn't list them."""
    try:
        names = client.tags(repository)
    except PullFailed:
        return []
    return sorted(names, key=_by_version, reverse=True)[:MAX_TAGS]


def _by_version(tag: str) -> tuple[bool, list[tuple[int, int, str]]]:
    parts = (part for part in re.split(r"([0-9]+)", tag) if part)
    return tag == "latest", [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
