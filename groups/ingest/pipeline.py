"""The recipe of a pull, from a claim to an image that is ready.

    resolve · connect · authenticate · manifest · platform · size · layers · store · destroy the credential

What goes wrong becomes a failure here, whatever it was, and nothing of a failed attempt stays in the store except
layers that were committed for the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import structlog
from django.db import Error as DatabaseFailed
from django.db import close_old_connections

from groups import failpoints
from groups.failpoints import reached
from groups.failures import StoreFailed
from groups.ingest import fenced_writes, limits, outcome, registry_access, step_details
from groups.ingest.claim import Claim, WorkerShutdown
from groups.ingest.layers import Summary, pull_layers
from groups.ingest.registry_access import classify_failures, open_login
from groups.ingest.steps import Name, Note, Steps
from groups.rules.states import Stale
from groups.storage import garbage, store
from registries.failures import Interrupted, PullFailed, Unexpected
from registries.oci.config import read_config
from registries.oci.manifest import Manifest
from registries.oci.platform import Platform

log = structlog.get_logger(__name__)


def pull(claim: Claim) -> None:
    """Carry the pull out and settle it, whichever way. Raises WorkerShutdown, and the database's errors where even
    settling was impossible; the lease runs out then."""
    steps = Steps(claim)
    try:
        with claim.kept_alive():
            _follow_recipe(claim, steps)
            outcome.finish(claim)
    except Stale:
        log.info("pull_lost", image=str(claim.image.pk), attempt=claim.attempt)
    except PullFailed as failure:
        _fail(claim, failure, steps.current)
    except WorkerShutdown:
        with suppress(Stale):
            outcome.release(claim)
        raise
    except DatabaseFailed as error:
        _log_unforeseen(claim, error, steps.current)
        close_old_connections()
        _fail(claim, Interrupted(), steps.current)
    except Exception as error:
        _fail(claim, Unexpected(raw=_log_unforeseen(claim, error, steps.current)), steps.current)
    finally:
        _remove_leftovers(claim)


def _follow_recipe(claim: Claim, steps: Steps) -> None:
    image, repository = claim.image, claim.image.repository

    @contextmanager
    def step(name: Name) -> Iterator[Note]:
        with steps.step(name) as note, registry_access.flag_if_public(image), classify_failures(image):
            yield note

    wanted, cap = Platform.parse(image.platform), limits.cap_of(image)
    with ExitStack() as clients:
        stranger = clients.enter_context(registry_access.open_client(image, None))
        claim.when_lost.append(stranger.abort)
        with step(Name.RESOLVE) as note:
            stranger.resolve()
            note.detail = image.registry
        with step(Name.CONNECT) as note:
            stranger.connect()
            note.detail = f"{image.registry} answers as a registry"
        # Not before somebody answers who is what they say they are, the credential is opened.
        with step(Name.AUTHENTICATE) as note:
            login = open_login(image)
            reached(failpoints.CREDENTIAL_OPENED)
            client = clients.enter_context(registry_access.open_client(image, login))
            claim.when_lost.append(client.abort)
            client.authenticate(repository)
            note.detail = step_details.signed_in(login)
        reached(failpoints.AUTHENTICATED)
        with step(Name.MANIFEST) as note:
            document = client.fetch_manifest(repository, image.digest or image.version)
            note.detail = step_details.named(document)
        with step(Name.PLATFORM) as note:
            manifest = client.pick(repository, document, wanted)
            if limits.fits(manifest, cap):  # else the next step says so, and no blob is asked for
                raw_config = client.config(repository, manifest)
                config = read_config(raw_config, manifest, wanted)
            note.detail = f"{wanted}{step_details.among(document)}"
        with step(Name.SIZE) as note:
            limits.judge(manifest, cap)
            fenced_writes.write_manifest(claim, manifest, raw_config, config)
            note.detail = step_details.amount_of_limit(manifest, cap)
        reached(failpoints.MANIFEST_WRITTEN)
        with step(Name.LAYERS) as note:
            note.detail = _told(pull_layers(claim, client, repository, manifest), step_details.amount(manifest))
    with step(Name.STORE) as note:
        blobs = _check_stored(claim, manifest)
        note.detail = "1 encrypted blob is in place" if blobs == 1 else f"{blobs} encrypted blobs are in place"


def _check_stored(claim: Claim, manifest: Manifest) -> int:
    """See that every layer is committed and its blob is there whole; return how many blobs there are."""
    blobs = fenced_writes.committed(claim)
    missing = []
    for digest in {layer.digest for layer in manifest.layers}:
        blob = blobs.get(digest)
        if blob is None or store.size(blob.name) != blob.size:
            missing.append(digest)
    for digest in missing:
        fenced_writes.forget_layer(claim, digest)
    if missing:
        raise StoreFailed(raw="blob missing")
    return len(blobs)


def _told(layers: Summary, amount: str) -> str:
    """What the page says of the layers."""
    said = [f"{amount}, each encrypted with a key of its own"]
    if layers.taken_up:
        were = "layer was" if layers.taken_up == 1 else "layers were"
        said.append(f"{layers.taken_up} {were} here already, and the registry confirmed access")
    if layers.compressed:
        are = "is" if layers.compressed == 1 else "are"
        said.append(f"{layers.compressed} came uncompressed and {are} kept as zstd")
    if layers.kept:
        said.append(f"{layers.kept} kept from an earlier attempt")
    return "; ".join(said)


def _fail(claim: Claim, failure: PullFailed, step: str) -> None:
    with suppress(Stale):
        outcome.fail(claim, failure, step=step)


def _log_unforeseen(claim: Claim, error: Exception, step: str) -> str:
    return step_details.log_unforeseen(
        "pull_unexpected", error, image=str(claim.image.pk), attempt=claim.attempt, step=step
    )


def _remove_leftovers(claim: Claim) -> None:
    """Remove the blobs of this attempt that no layer is kept in. Where that can't be done now, `groups.sweep` will."""
    try:
        garbage.delete_unreferenced(claim.blobs)
    except DatabaseFailed as error:
        log.warning("leftovers_stay", image=str(claim.image.pk), error=type(error).__name__)
