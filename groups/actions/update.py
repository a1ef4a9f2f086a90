"""Changing an existing container group: its options, what its nodes run, its replicas, and its image.

A change to what nodes run makes a new version: instances of the old one are asked to stop and new ones created. Another
image is pulled first; the group keeps its image until the pull has succeeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from groups.actions.images import delete_locked, lock_images, queue_image
from groups.ingest.credential_hold import Chosen, lock_credentials, record_settled, record_typed, stored_credential
from groups.models import ContainerGroup, Image
from groups.rules import quotas
from groups.rules.group_settings import MAX_VARIABLES
from groups.rules.replicas import match_replicas, renew_instances
from groups.rules.sealed_settings import MASK, open_environment, open_options, seal_environment, seal_options, unmask
from groups.rules.states import move
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, ProjectId
from registries.foundation.refusal import Refusal
from registries.models import Credential, Trust
from registries.oci.reference import Reference, parse
from registries.trusts.rows import find_trust

Status = ContainerGroup.Status
RESOURCES = ("gpu_classes", "shm_size", "storage_amount")
_RECORDED_OPTIONS = ("country_codes", "display_name", "image_caching", "priority", *RESOURCES)
"""Options whose values are recorded. Others may hold secrets, such as the token of a log target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChanges:
    """The settings to change; those left out stay.

    `options` are settings without a column (`groups.rules.sealed_settings`); None removes one. `environment` is merged
    into the present variables; None removes one. In both, `groups.rules.sealed_settings.MASK` keeps the present value.
    `reference` is another image, or one whose pull failed. Without a credential it is pulled with the one that a failed
    pull has kept, or else by the trust for its registry, if there is one; a `credential` without a reference pulls the
    same image again. With `credential_once` the credential is destroyed when that pull ends, however it ends. With
    `pulls_again` the reference is pulled even if the group has it: its tag may point to another image now. `memory_mb`
    is in MB.
    """

    options: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str | None] | None = field(default=None, repr=False)
    command: list[str] | None = field(default=None, repr=False)
    cpu: int | None = None
    memory_mb: int | None = None
    replicas: int | None = None
    reference: Reference | None = None
    credential: Chosen = None
    credential_once: bool = False
    pulls_again: bool = False


@dataclass
class _Record:
    """What changed: in words, and the values before and after by name."""

    words: list[str] = field(default_factory=list)
    before: dict[str, Value] = field(default_factory=dict)
    after: dict[str, Value] = field(default_factory=dict)


def update(group: ContainerGroup, changes: GroupChanges, *, by: Actor) -> ContainerGroup:
    """Change the group; does nothing if it has these settings already.

    Raises `groups.rules.states.Stale` if the group was deleted, `quotas.QuotaRefusal` if a limit or a suspension
    forbids the replicas or the image, and Refusal with the field of the API's request for settings that contradict
    the present ones.
    """
    with transaction.atomic():
        quota = quotas.lock_organization(group.organization_id)
        current, next_image = lock_images(group)
        group.refresh_from_db()
        if changes.replicas is not None:
            quotas.allow_replicas(quota, more=changes.replicas - group.replicas)
        changed = _Record()
        _change_settings(group, changes, changed)
        stored = destroyed = None
        if (reference := _wanted_image(changes, current, next_image)) is not None:
            quotas.allow_active(quota)
            credential = (
                changes.credential
                or _kept_credential(next_image or current, reference)
                or find_trust(OrganizationId(group.organization_id), ProjectId(group.project_id), reference.registry)
            )
            stored = stored_credential(
                credential, reference, organization_id=group.organization_id, created_by_id=by.person_id
            )
            destroyed = _replace_image(group, current, next_image, reference, stored, once=changes.credential_once)
            changed.words.append(str(reference))
            changed.before["image"], changed.after["image"] = current.reference, str(reference)
        record_settled(destroyed)
        record_typed(changes.credential, stored, by=by)
        if changed.words:
            record(
                by,
                "group.changed",
                Target("group", group.pk, group.name),
                organization_id=group.organization_id,
                detail=", ".join(changed.words),
                before=changed.before,
                after=changed.after,
            )
    group.refresh_from_db()
    return group


def _change_settings(group: ContainerGroup, changes: GroupChanges, changed: _Record) -> None:
    """Write options, columns and replicas in one statement, and update the instances."""
    old: dict[str, object] = open_options(group)
    options = _merged(old, changes.options)
    columns = _changed_columns(group, changes)
    if options.get("gpu_classes") != old.get("gpu_classes"):
        columns["gpu"] = _first(options.get("gpu_classes"))
    environment = open_environment(group)
    variables = _merged_environment(environment, changes.environment)
    names = sorted(name for name in options.keys() | old.keys() if options.get(name) != old.get(name))
    changed.words += sorted({"resources" if name in RESOURCES else name for name in names})
    changed.words += sorted({*columns, *(["environment"] if variables != environment else [])} - {"gpu"})
    for name in names:
        if name in _RECORDED_OPTIONS:
            changed.before[name], changed.after[name] = cast("Value", old.get(name)), cast("Value", options.get(name))
    for name in columns.keys() - {"gpu", "command"}:
        changed.before[name], changed.after[name] = getattr(group, name), cast("Value", columns[name])
    values: dict[str, object] = {}
    if variables != environment:
        columns["environment"] = seal_environment(group.pk, variables)
        differing = environment.items() ^ variables.items()
        changed.after["environment"] = sorted({name for name, _ in differing})
    if changed.words:
        values["options"] = seal_options(group.pk, options)
    if changes.replicas is not None and changes.replicas != group.replicas:
        values["replicas"] = changes.replicas
        changed.words.append(f"replicas {changes.replicas}")
        changed.before["replicas"], changed.after["replicas"] = group.replicas, changes.replicas
    if not values:
        return
    if columns:
        values |= columns | {"version": F("version") + 1}
    ContainerGroup.objects.filter(pk=group.pk).update(**values, changed_at=Now())
    group.refresh_from_db()
    if columns:
        renew_instances(group)
    elif "replicas" in values:
        match_replicas(group)


def _changed_columns(group: ContainerGroup, changes: GroupChanges) -> dict[str, object]:
    wanted = {"command": changes.command, "cpu": changes.cpu, "memory_mb": changes.memory_mb}
    return {name: value for name, value in wanted.items() if value is not None and value != getattr(group, name)}


def _merged(old: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    options = dict(old)
    for name, value in given.items():
        if name == "networking" and isinstance(value, dict) and "protocol" not in value:
            before = old.get("networking")
            if not isinstance(before, dict) or not before:
                raise Refusal("This group has no networking to change.", code="invalid", status=400, field="networking")
            value = before | {key: setting for key, setting in value.items() if setting is not None}
        if value is None:
            options.pop(name, None)
        else:
            options[name] = unmask(value, old.get(name))
    return options


def _merged_environment(before: Mapping[str, str], given: Mapping[str, str | None] | None) -> dict[str, str]:
    if given is None:
        return dict(before)
    merged: dict[str, str | None] = {
        **before,
        **{name: before.get(name, value) if value == MASK else value for name, value in given.items()},
    }
    after = {name: value for name, value in merged.items() if value is not None}
    if len(after) > MAX_VARIABLES:
        text = f"A group has at most {MAX_VARIABLES} variables."
        raise Refusal(text, code="invalid", status=400, field="container.environment_variables")
    return after


def _first(classes: object) -> str:
    return str(classes[0]) if isinstance(classes, list) and classes else ""


def _wanted_image(changes: GroupChanges, current: Image, next_image: Image | None) -> Reference | None:
    """The image to pull, if any: another one, or the same with another credential."""
    if changes.reference is None and changes.credential is None:
        return None
    reference = changes.reference or parse(current.reference)
    if changes.credential is not None:
        if changes.credential.host != reference.registry:
            raise Refusal("The group got another image at the same time. Try again.", code="wrong_state")
        return reference
    awaited = next_image or current
    is_there = str(reference) == awaited.reference and awaited.status != Image.Status.FAILED
    if is_there and not changes.pulls_again:
        return None
    return reference


def _kept_credential(awaited: Image, reference: Reference) -> Credential | None:
    """The live credential that a failed pull of this very image has kept to be tried again."""
    if awaited.reference != str(reference) or not awaited.keeps_credential or awaited.credential_id is None:
        return None
    return Credential.objects.live().filter(pk=awaited.credential_id).first()


def _replace_image(
    group: ContainerGroup,
    current: Image,
    next_image: Image | None,
    reference: Reference,
    credential: Credential | Trust | None,
    *,
    once: bool,
) -> Credential | None:
    """Queue another image for the group. A pending or failed group waits for it instead of its present image; any other
    keeps its image until this one is ready. Returns the credential that was destroyed with an image that is no longer
    needed."""
    credential_id = credential.pk if isinstance(credential, Credential) else None
    if group.status == Status.FAILED:
        lock_credentials([current.credential_id, credential_id])
        image = queue_image(group.organization_id, reference, credential, platform=current.chosen_platform, once=once)
        move(group, to=Status.PENDING, image=image, version=F("version") + 1)
        return delete_locked(current)
    replaced = current if group.status == Status.PENDING else next_image
    lock_credentials([replaced.credential_id if replaced else None, credential_id])
    image = queue_image(group.organization_id, reference, credential, platform=current.chosen_platform, once=once)
    rows = ContainerGroup.objects.filter(pk=group.pk)
    if replaced is current:
        rows.update(image=image, version=F("version") + 1, changed_at=Now())
    else:
        rows.update(next_image=image, changed_at=Now())
    return delete_locked(replaced) if replaced is not None else None
