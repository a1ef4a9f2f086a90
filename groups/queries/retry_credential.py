"""Which credential is most likely to work when a failed pull is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from groups.models import ContainerGroup
from registries.failures import ABOUT_CREDENTIALS
from registries.foundation.ids import CredentialId
from registries.models import CredentialQuerySet

_ABOUT_CREDENTIALS = {failure.code for failure in ABOUT_CREDENTIALS}


@dataclass(frozen=True)
class Suggestion:
    """A live credential by its id. Without one, `needs_new` says whether a new one is to be entered; otherwise the
    image is pulled without a credential."""

    credential_id: CredentialId | None = None
    needs_new: bool = False


def suggest_credential(group: ContainerGroup, live: CredentialQuerySet) -> Suggestion:
    """Return the best of the organization's live credentials. The one that the registry has just refused is not
    suggested, and none is for an image that turned out to be public."""
    image = group.image
    last = group.failures.order_by("-created_at").first()
    if last is not None and last.params.get("public"):
        return Suggestion()
    is_refused = last is not None and last.code in _ABOUT_CREDENTIALS
    fitting = live.for_image(image.registry, image.repository).order_by("-received_at")
    if is_refused and image.credential_id:
        fitting = fitting.exclude(pk=image.credential_id)
    ids = list(fitting.values_list("pk", flat=True))
    if image.credential_id in ids:
        return Suggestion(image.credential_id)
    if ids:
        return Suggestion(ids[0])
    return Suggestion(needs_new=is_refused or bool(image.provider))
