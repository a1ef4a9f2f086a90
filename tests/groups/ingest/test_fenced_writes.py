"""Whoever lost the claim writes nothing: every writer, each way to lose it. And what is written while it is held."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from groups.ingest import fenced_writes, outcome
from groups.ingest.claim import Claim
from groups.ingest.encrypt import LayerEncryption
from groups.ingest.layer_reader import StoredLayer
from groups.ingest.steps import Name, PullSteps
from groups.models import Image, Layer
from groups.rules.states import Stale
from registries.failures import AccessDenied
from tests.support.manifests import GZIP, config_of, layer, manifest
from tests.support.product_modules import TREES
from tests.support.pulls import make_blob
from tests.support.row_snapshot import all_rows

STORED = StoredLayer(GZIP, layer(1).digest, 10, LayerEncryption(b"k" * 32, b"n" * 16, b"h" * 32, f"sha256:{9:064x}"))


def write_step(claim: Claim) -> None:
    with PullSteps(claim).step(Name.RESOLVE):
        pass


def renew(claim: Claim) -> None:
    if not claim.renew():
        raise Stale


WRITERS: dict[str, Callable[[Claim], object]] = {
    "groups.ingest.claim.Claim.renew": renew,
    "groups.ingest.fenced_writes.write_manifest": lambda claim: fenced_writes.write_manifest(
        claim, manifest(layer(2)), b"{}", config_of(manifest(layer(2)))
    ),
    "groups.ingest.fenced_writes.write_progress": lambda claim: fenced_writes.write_progress(
        claim, {layer(1).digest: 5}
    ),
    "groups.ingest.fenced_writes.commit_layer": lambda claim: fenced_writes.commit_layer(
        claim, layer(1), STORED, "org/ab/new"
    ),
    "groups.ingest.fenced_writes.reuse_blob": lambda claim: fenced_writes.reuse_blob(
        claim, layer(1), claim.image.organization.blobs.get(name="org/ab/unused")
    ),
    "groups.ingest.fenced_writes.reset_layer": lambda claim: fenced_writes.reset_layer(claim, layer(3).digest),
    "groups.ingest.outcome.finish": outcome.finish,
    "groups.ingest.outcome.fail": lambda claim: outcome.fail(claim, AccessDenied(host="x"), step="connect"),
    "groups.ingest.outcome.release": outcome.release,
    "groups.ingest.steps.PullSteps.step": write_step,
}
"""What writes for a claim, by its name in the source. `test_the_list_of_writers_is_complete` compares it."""


def lose_to_another_worker(claim: Claim) -> None:
    Image.objects.filter(pk=claim.image.pk).update(lease=uuid.uuid4())


def lose_to_the_queue(claim: Claim) -> None:
    Image.objects.filter(pk=claim.image.pk).update(status="queued")


def lose_to_the_end(claim: Claim) -> None:
    Image.objects.filter(pk=claim.image.pk).update(status="ready", lease=None)


LOSSES = [lose_to_another_worker, lose_to_the_queue, lose_to_the_end]


@pytest.fixture
def held(held: Claim) -> Claim:
    """With one layer to come, and one that is stored; the organization has another blob, which nothing uses."""
    listed = manifest(layer(1), layer(3))
    fenced_writes.write_manifest(held, listed, b"{}", config_of(listed))
    organization = held.image.organization
    blob = make_blob(organization, name="org/ab/stored", source_digest=layer(3).digest, digest=layer(3).digest)
    fenced_writes.reuse_blob(held, layer(3), blob)
    make_blob(organization, name="org/ab/unused", unused_since=blob.stored_at)
    return held


@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_that_lost_the_claim_writes_nothing(
    held: Claim, writer: str, woken: list[tuple[str, str]], django_capture_on_commit_callbacks: Any
) -> None:
    for lose in LOSSES:
        with transaction.atomic():
            lose(held)
            before = all_rows()
            with django_capture_on_commit_callbacks() as callbacks, pytest.raises(Stale):
                WRITERS[writer](held)
            assert all_rows() == before, lose.__name__
            assert callbacks == [], lose.__name__
            transaction.set_rollback(True)

    before = all_rows()
    WRITERS[writer](held)
    assert all_rows() != before, "it writes while the claim is held"


@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_whose_image_was_deleted_leaves_nothing(held: Claim, writer: str) -> None:
    blobs = list(held.image.organization.blobs.values("name"))
    image_id = held.image.pk
    held.image.groups.all().delete()
    Image.objects.filter(pk=image_id).delete()

    with pytest.raises(Stale):
        WRITERS[writer](held)

    assert not Image.objects.filter(pk=image_id).exists()
    assert not Layer.objects.filter(image_id=image_id).exists()
    assert list(held.image.organization.blobs.values("name")) == blobs


def test_the_list_of_writers_is_complete() -> None:
    assert sorted(writers_for_a_claim()) == sorted(WRITERS)


def writers_for_a_claim() -> Iterator[str]:
    """The public functions of the pull that write for a claim: they are given one, or belong to an object with one,
    and they change rows, themselves or in another function of their module."""
    for module, tree in TREES.items():
        if not module.startswith("groups.ingest."):
            continue
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for name, owner in classes.items():
            functions |= {f"{name}.{node.name}": node for node in owner.body if isinstance(node, ast.FunctionDef)}
        with_claim = {"Claim", *(name for name, node in classes.items() if mentions_a_claim(node))}
        for name, function in functions.items():
            owner_name, _, method = name.rpartition(".")
            has_claim = owner_name in with_claim if owner_name else mentions_a_claim(function)
            if has_claim and not method.startswith("_") and writes(function, owner_name, functions):
                yield f"{module}.{name}"


def mentions_a_claim(node: ast.AST) -> bool:
    """Whether a claim is an argument of the function, or of a method of the class, or a field of it."""
    annotated = [one.annotation for one in ast.walk(node) if isinstance(one, ast.arg | ast.AnnAssign)]
    return any("Claim" in ast.unparse(annotation).split(" | ") for annotation in annotated if annotation)


WRITING = {"update", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete", "save"}
RULES = {"move", "mark_unused", "empty_layers", "add_instances", "promote_next_image", "empty_credential", "wake_pull"}


def writes(function: ast.FunctionDef, owner: str, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether it calls a method of rows that changes them, a rule that does, or such a function of its module."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            called = node.func.attr
            if called in WRITING and ast.unparse(node.func.value) != "claim.blobs":  # names of objects, not rows
                return True
            own = f"{owner}.{called}" if ast.unparse(node.func.value) == "self" else ""
        else:
            own = called = ast.unparse(node.func)
        if called in RULES or (own in functions and own != function.name and writes(functions[own], owner, functions)):
            return True
    return False
