"""The platform of a pull or a check: which manifest of the image is taken, and what its config says it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db.models import Q

from groups.models import ContainerGroup, Image, ImageCheck
from groups.rules.platforms import Fleet, Replica, fleet_for
from registries.failures import PlatformMissing
from registries.oci.choice import is_candidate
from registries.oci.client import RegistryClient
from registries.oci.config import Config, read_config
from registries.oci.manifest import Index, Manifest
from registries.oci.platform import Platform


@dataclass(frozen=True)
class Picked:
    """The chosen manifest. `platform` is the one under which an index lists it; None if only its config says one.
    `reason` says why it was chosen, in words; empty if there was no choice."""

    manifest: Manifest
    platform: Platform | None = None
    reason: str = ""


def fleet_of_pull(image: Image) -> Fleet:
    """The nodes as the pull of this image sees them: those with room for a replica of its group count first."""
    if image.digest:  # an earlier attempt has pinned a manifest of one platform
        return Fleet.only(Platform.parse(image.platform))
    wanted = Platform.parse(image.platform) if image.platform_chosen else None
    group = (
        ContainerGroup.objects.filter(Q(image=image) | Q(next_image=image))
        .select_related("image")
        .only("cpu", "memory_mb", "gpu", "image__status", "image__platform")
        .first()
    )
    if group is None:
        return fleet_for(Replica(), wanted=wanted)
    replaced = group.image if group.image_id != image.pk and group.image.status == Image.Status.READY else None
    current = Platform.parse(replaced.platform) if replaced is not None else None
    return fleet_for(Replica(group.cpu, group.memory_mb, group.gpu), wanted=wanted, current=current)


def fleet_of_check(row: ImageCheck) -> Fleet:
    """The nodes as a pull of this image would see them now."""
    wanted = Platform.parse(row.platform) if row.platform_chosen else None
    if wanted is not None and row.against_id is not None:
        return Fleet.only(wanted)  # its digest is compared
    return fleet_for(Replica(**row.resources), wanted=wanted)


def pick(client: RegistryClient, repository: str, document: Manifest | Index, fleet: Fleet) -> Picked:
    """Return the manifest for the nodes that there are. Raises `PlatformMissing`."""
    if isinstance(document, Manifest):
        return Picked(document)
    listed = _listed(document)
    best = fleet.best(listed)
    if best is not None:
        return Picked(client.pick(repository, document, best), best, fleet.reason(best, listed))
    # It may be in an index within this one, or in an entry that doesn't say its platform.
    offered = ""
    for platform in fleet.platforms:
        try:
            return Picked(client.pick(repository, document, platform))
        except PlatformMissing as failure:
            offered = str(failure.params["offered"])
    raise fleet.missing(offered)


def read_picked_config(raw: bytes, picked: Picked, fleet: Fleet) -> Config:
    """Read the config of the manifest. Its platform is then the one that a node has to run. Raises `PlatformMissing`
    and `UnsupportedManifest`."""
    if picked.platform is not None:
        return replace(read_config(raw, picked.manifest, picked.platform), platform=picked.platform)
    offered = ""
    for platform in fleet.platforms:
        try:
            config = read_config(raw, picked.manifest, platform)
        except PlatformMissing as failure:
            offered = str(failure.params["offered"])
            continue
        # Clients compare no variant where there is one image only: any node of the kind may try it.
        possible = (config.platform, Platform.parse(config.platform.machine))
        fitting = (one for one in possible if fleet.best([one]) is not None)
        return replace(config, platform=next(fitting, platform))
    raise fleet.missing(offered)


def offered_to_nodes(document: Manifest | Index, config: Config, fleet: Fleet) -> list[Mapping[str, object]]:
    """The image's platforms that nodes can run, one of each architecture, the best first: `ImageCheck.platforms`."""
    listed = [config.platform] if isinstance(document, Manifest) else _listed(document) or [config.platform]
    found: dict[str, Mapping[str, object]] = {}
    for platform, counts in fleet.ranked(listed):
        row = {"platform": str(platform), "nodes": counts.able, "free": counts.free}
        found.setdefault(platform.machine, row)
    return list(found.values())


def _listed(index: Index) -> list[Platform]:
    return [entry.platform for entry in index.entries if entry.platform is not None and is_candidate(entry)]
