"""The recipe of a pull, from a claim to an image that is ready.

    resolve · connect · authenticate · manifest · platform · size · layers · store · destroy the credential

Every error becomes a failure here. Of a failed attempt only layers that were committed stay in the store, for the
next attempt.
"""

from __future__ import annotations

from contextlib import suppress

import structlog
from django.db import Error as DatabaseFailed
from django.db import close_old_connections

from groups import failpoints
from groups.failpoints import reached
from groups.failures import StoreFailed
from groups.ingest import fenced_writes, limits, outcome, step_details
from groups.ingest.attempt import Attempt
from groups.ingest.claim import Claim, TurnOver, WorkerShutdown
from groups.ingest.layers import Summary, pull_layers
from groups.ingest.opened_credential import open_credential
from groups.ingest.opened_trust import open_trust
from groups.ingest.platform_choice import fleet_of_pull, pick, read_picked_config
from groups.ingest.steps import Name, PullSteps
from groups.ingest.unexpected_errors import log_unexpected
from groups.rules.states import Stale
from groups.storage import garbage, store
from registries.failures import Interrupted, PullFailed, Unexpected
from registries.oci.manifest import Manifest

log = structlog.get_logger(__name__)


def pull(claim: Claim) -> None:
    """Pull the claimed image and settle the claim: ready, failed, or queued for another attempt, also to make room for
    another organization's pull.

    Raises WorkerShutdown, and the database's errors where even settling was impossible; then the lease expires.
    """
    attempt = Attempt(claim.image, PullSteps(claim), claim=claim)
    try:
        with claim.kept_alive():
            _follow_recipe(claim, attempt)
            outcome.finish(claim)
    except Stale:
        log.info("claim_lost", image=str(claim.image.pk), attempt=claim.attempt)
    except PullFailed as failure:
        _fail(claim, failure, attempt.current)
    except TurnOver:
        with suppress(Stale):
            outcome.release(claim, yielding=True)
    except WorkerShutdown:
        with suppress(Stale):
            outcome.release(claim)
        raise
    except DatabaseFailed as error:
        _log_unexpected(claim, error, attempt.current)
        close_old_connections()
        _fail(claim, Interrupted(), attempt.current)
    except Exception as error:
        _fail(claim, Unexpected(raw=_log_unexpected(claim, error, attempt.current)), attempt.current)
    finally:
        _remove_leftovers(claim)


def _follow_recipe(claim: Claim, attempt: Attempt[Name]) -> None:
    image, repository = claim.image, claim.image.repository
    max_bytes = limits.max_image_bytes(image)
    with attempt.closing_clients():
        anonymous = attempt.anonymous_client()
        with attempt.step(Name.RESOLVE) as note:
            anonymous.resolve()
            note.detail = image.registry
        with attempt.step(Name.CONNECT) as note:
            anonymous.connect(repository, image.digest or image.version)
            note.detail = f"{image.registry} answers as a registry"
        # The credential is opened only after the registry has proved its identity.
        with attempt.step(Name.AUTHENTICATE) as note:
            opened = open_trust(image) if image.trust_id else open_credential(image)
            reached(failpoints.CREDENTIAL_OPENED)
            client = attempt.signed_in_client(opened)
            client.authenticate(repository, image.digest or image.version)
            note.detail = step_details.signed_in(opened.login if opened else None, by_trust=bool(image.trust_id))
        reached(failpoints.AUTHENTICATED)
        with attempt.step(Name.MANIFEST) as note:
            document = client.fetch_manifest(repository, image.digest or image.version)
            note.detail = step_details.document_digest(document)
        with attempt.step(Name.PLATFORM) as note:
            fleet = fleet_of_pull(image)
            picked = pick(client, repository, document, fleet)
            manifest, platform = picked.manifest, picked.platform
            if limits.fits(manifest, max_bytes):  # else the next step fails, and no blob is requested
                raw_config = client.config(repository, manifest)
                config = read_picked_config(raw_config, picked, fleet)
                platform = config.platform
                client.check_outside(repository, manifest)
            note.detail = step_details.platform(platform, document, picked.reason)
        with attempt.step(Name.SIZE) as note:
            limits.enforce(manifest, max_bytes)
            fenced_writes.write_manifest(claim, manifest, raw_config, config)
            note.detail = step_details.size_of_limit(manifest, max_bytes)
        reached(failpoints.MANIFEST_WRITTEN)
        with attempt.step(Name.LAYERS) as note:
            pulled = pull_layers(claim, client, repository, manifest, config.uncompressed(manifest))
            note.detail = _layers_detail(pulled, manifest)
    with attempt.step(Name.STORE) as note:
        blobs = _check_stored(claim, manifest)
        note.detail = "1 encrypted blob is in place" if blobs == 1 else f"{blobs} encrypted blobs are in place"


def _check_stored(claim: Claim, manifest: Manifest) -> int:
    """Check that every layer is committed and its blob is stored whole; return how many blobs there are.

    Raises StoreFailed where one is missing, after marking its layer for the next attempt.
    """
    blobs = fenced_writes.committed_blobs(claim)
    missing = []
    for digest in {layer.digest for layer in manifest.layers}:
        blob = blobs.get(digest)
        if blob is None or store.size(blob.name) != blob.size:
            missing.append(digest)
    for digest in missing:
        fenced_writes.reset_layer(claim, digest)
    if missing:
        raise StoreFailed(raw="blob missing")
    return len(blobs)


def _layers_detail(layers: Summary, manifest: Manifest) -> str:
    parts = [f"{step_details.size(manifest)}, each encrypted with a key of its own"]
    if layers.reused:
        were = "layer was" if layers.reused == 1 else "layers were"
        parts.append(f"{layers.reused} {were} here already, and the registry confirmed access")
    if layers.compressed:
        are = "is" if layers.compressed == 1 else "are"
        parts.append(f"{layers.compressed} came uncompressed and {are} kept as zstd")
    if layers.kept:
        parts.append(f"{layers.kept} kept from an earlier attempt")
    return "; ".join(parts)


def _fail(claim: Claim, failure: PullFailed, step: str) -> None:
    with suppress(Stale):
        outcome.fail(claim, failure, step=step)


def _log_unexpected(claim: Claim, error: Exception, step: str) -> str:
    return log_unexpected("pull_unexpected", error, image=str(claim.image.pk), attempt=claim.attempt, step=step)


def _remove_leftovers(claim: Claim) -> None:
    """Delete the blobs of this attempt that no layer uses. Where that isn't possible now, `groups.sweep` does it."""
    try:
        garbage.delete_unreferenced(claim.blobs)
    except DatabaseFailed as error:
        log.warning("leftovers_not_deleted", image=str(claim.image.pk), error=type(error).__name__)
