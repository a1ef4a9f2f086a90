"""The recipe of a check: what a pull would meet at this very image, found without a layer being asked for.

    resolve · connect · ping · authenticate · manifest · platform · size

The credential is opened and its use noted as for a pull; it is neither destroyed here nor kept any longer. Who may
check, and how often, is `groups.actions.checks`'s to say.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog
from django.db.models.functions import Now

from groups.ingest import limits, registry_access, step_details
from groups.ingest.claim import WorkerShutdown
from groups.ingest.registry_access import classify_failures, open_login
from groups.ingest.steps import MAX_DETAIL_LENGTH, Note
from groups.models import ImageCheck
from groups.rules import quotas
from groups.rules.states import Stale, move
from registries.failures import ImageNotFound, Interrupted, PullFailed, RegistryUnreachable, Unexpected, printable
from registries.oci.client import RegistryClient
from registries.oci.config import Config, read_config
from registries.oci.manifest import Manifest
from registries.oci.platform import Platform
from registries.oci.transport import Timeouts

log = structlog.get_logger(__name__)

CHECK_SECONDS = 90.0
"""No step begins later than this."""
RUNNING_SECONDS = 150
"""A check that still runs then has lost its worker."""
TIMEOUTS = Timeouts(connect=10.0, read=15.0, head=20.0, document=30.0)
MAX_LAYERS_SHOWN = 5
MAX_TAGS = 200

Step = ImageCheck.Step


class Progress:
    """Writes the steps of a check, and what it has found so far (`found`, by column)."""

    def __init__(self, row: ImageCheck) -> None:
        self.found: dict[str, Any] = {}
        self._row = row
        self._lines: list[dict[str, Any]] = []
        self._began = self._step_began = time.monotonic()

    @contextmanager
    def step(self, name: Step) -> Iterator[Note]:
        """Record that `name` begins and, where nothing fails, that it is done. Raises Stale once the check is over."""
        line = {"name": name.value, "outcome": "running", "detail": "", "raw": "", "seconds": None}
        self._lines.append(line)
        self._step_began = time.monotonic()
        self._write()
        if self._step_began - self._began > CHECK_SECONDS:
            raise RegistryUnreachable(host=self._row.registry, reason="it is too slow to be checked", raw="deadline")
        note = Note()
        with registry_access.flag_if_public(self._row, TIMEOUTS), classify_failures(self._row):
            yield note
        self._end(line, "ok", note.detail)
        self._write()

    def finish(self) -> None:
        self._move(ImageCheck.Status.DONE)

    def fail(self, failure: PullFailed) -> None:
        """Mark what goes on as failed, and the check with it."""
        for line in self._lines:
            if line["outcome"] == "running":
                self._end(line, "failed", failure.words.title, failure.raw)
        params = {name: value for name, value in failure.params.items() if name != "public"}
        public = bool(failure.params.get("public"))
        self._move(ImageCheck.Status.FAILED, code=failure.code, params=params, raw=failure.raw, public=public)

    def _end(self, line: dict[str, Any], outcome: str, detail: str, raw: str = "") -> None:
        seconds = round(time.monotonic() - self._step_began, 2)
        line.update(outcome=outcome, detail=printable(detail, MAX_DETAIL_LENGTH), raw=raw, seconds=seconds)

    def _write(self) -> None:
        running = ImageCheck.objects.filter(pk=self._row.pk, status=ImageCheck.Status.RUNNING)
        if not running.update(steps=self._lines, **self.found):
            raise Stale(f"the check {self._row.pk} is over")

    def _move(self, to: str, **fields: Any) -> None:
        move(self._row, to=to, steps=self._lines, settled_at=Now(), **self.found, **fields)


def check(check_id: uuid.UUID) -> None:
    """Carry a queued check out and write how it ended. Does nothing for one that was taken or is over."""
    queued = ImageCheck.objects.filter(pk=check_id, status=ImageCheck.Status.QUEUED)
    row = queued.select_related("organization__quota").first()
    if row is None:
        return
    with suppress(Stale):
        move(row, to=ImageCheck.Status.RUNNING, expires_at=Now() + timedelta(seconds=RUNNING_SECONDS))
        _carry_out(row)


def _carry_out(row: ImageCheck) -> None:
    progress = Progress(row)
    try:
        _follow_recipe(row, progress)
        progress.finish()
    except Stale:
        raise
    except PullFailed as failure:
        progress.fail(failure)
    except WorkerShutdown:
        with suppress(Stale):
            progress.fail(Interrupted())
        raise
    except Exception as error:
        progress.fail(Unexpected(raw=step_details.log_unforeseen("check_unexpected", error, check=str(row.pk))))
    log.info("check_over", check=str(row.pk), status=row.status, code=row.code)


def _follow_recipe(row: ImageCheck, progress: Progress) -> None:
    repository, step, found = row.repository, progress.step, progress.found
    wanted, cap = Platform.parse(row.platform), limits.cap_of(row)
    with ExitStack() as clients:
        stranger = clients.enter_context(registry_access.open_client(row, None, TIMEOUTS))
        with step(Step.RESOLVE) as note:
            stranger.resolve()
            note.detail = row.registry
        with step(Step.CONNECT) as note:
            objection = _connect(stranger)
            note.detail = f"{row.registry} answers{_encrypted(stranger, objection)}"
        with step(Step.PING) as note:
            if objection is not None:
                raise objection
            note.detail = "It is a container registry"
        with step(Step.AUTHENTICATE) as note:
            login = open_login(row)
            client = clients.enter_context(registry_access.open_client(row, login, TIMEOUTS))
            client.authenticate(repository)
            note.detail = step_details.signed_in(login)
        try:
            with step(Step.MANIFEST) as note:
                document = client.fetch_manifest(repository, row.version)
                found["digest"] = document.digest
                found["remaining"] = client.limits.remaining if client.limits else None
                note.detail = step_details.named(document)
        except ImageNotFound:
            found["tags"] = _tags(client, repository)
            raise
        with step(Step.PLATFORM) as note:
            manifest = client.pick(repository, document, wanted)
            config = read_config(client.config(repository, manifest), manifest, wanted)
            found["found_platform"] = str(config.platform)
            found["platform_digest"] = manifest.digest
            note.detail = f"{config.platform}{step_details.among(document)}"
        found["tags"] = _tags(client, repository)
        with step(Step.SIZE) as note:
            found |= _measured(manifest, config, cap)
            limits.judge(manifest, cap)
            quotas.allow_storing(quotas.quota_of(row.organization), manifest)
            note.detail = step_details.amount_of_limit(manifest, cap)


def _connect(client: RegistryClient) -> PullFailed | None:
    """Connect; return what the other end said where it answered, but not as a registry does."""
    try:
        client.connect()
    except PullFailed as failure:
        if failure.response is None:
            raise
        return failure
    return None


def _encrypted(client: RegistryClient, objection: PullFailed | None) -> str:
    if objection is not None:
        return ""
    return " over TLS, with a certificate that is trusted" if client.over_tls else ", without TLS"


def _measured(manifest: Manifest, config: Config, cap: int) -> dict[str, Any]:
    """What the size is judged by, with the largest layers and the lines that made them."""
    lines = {layer.digest: line for layer, line in zip(manifest.layers, config.created_by, strict=True)}
    sizes = {layer.digest: layer.size for layer in manifest.layers}
    largest = sorted(sizes, key=lambda digest: sizes[digest], reverse=True)[:MAX_LAYERS_SHOWN]
    return {
        "size": manifest.declared_bytes,
        "limit": cap,
        "layer_count": len(manifest.layers),
        "layers": [{"size": sizes[digest], "created_by": lines[digest]} for digest in largest],
    }


def _tags(client: RegistryClient, repository: str) -> list[str]:
    """The repository's tags, `latest` and the highest versions first; none where the registry keeps them to itself."""
    try:
        names = client.tags(repository)
    except PullFailed:
        return []
    return sorted(names, key=_by_version, reverse=True)[:MAX_TAGS]


def _by_version(tag: str) -> tuple[bool, list[tuple[int, int, str]]]:
    parts = (part for part in re.split(r"([0-9]+)", tag) if part)
    return tag == "latest", [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
