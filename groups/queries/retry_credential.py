"""Which credential is most likely to work when a failed pull is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from groups.models import ContainerGroup
from registries.failures import ABOUT_CREDENTIALS, FAILURES
from registries.foundation.ids import CredentialId
from registries.models import Credential, CredentialQuerySet

_ABOUT_CREDENTIALS = {failure.code for failure in ABOUT_CREDENTIALS}


@dataclass(frozen=True)
class Suggestion:
    """A live credential by its id. Without one, `needs_new` says whether a new one is to be entered; otherwise the
    image is pulled without a credential."""

    credential_id: CredentialId | None = None
    needs_new: bool = False


def kept_credential(group: ContainerGroup) -> Credential | None:
    """Return the credential of the group's failed pull, if it is still live: whatever it is kept for, the pull can be
    tried again with it."""
    image = group.failed_image
    if image is None or image.credential_id is None:
        return None
    return Credential.objects.live().filter(pk=image.credential_id).first()


def suggest_credential(group: ContainerGroup, live: CredentialQuerySet) -> Suggestion:
    """Return the best of the organization's live credentials. The one that has itself just failed is not suggested, and
    none is for an image that turned out to be public."""
    image = group.failed_image or group.image
    last = group.failures.order_by("-created_at").first()
    if last is not None and last.params.get("public"):
        return Suggestion()
    failure = FAILURES.get(last.code) if last is not None else None
    is_refused = failure is not None and not failure.keeps_credential
    fitting = live.for_image(image.registry, image.repository).order_by("-received_at")
    if is_refused and image.credential_id:
        fitting = fitting.exclude(pk=image.credential_id)
    ids = list(fitting.values_list("pk", flat=True))
    if image.credential_id in ids:
        return Suggestion(image.credential_id)
    if ids:
        return Suggestion(ids[0])
    is_about_credentials = last is not None and last.code in _ABOUT_CREDENTIALS
    return Suggestion(needs_new=is_about_credentials or bool(image.provider))
