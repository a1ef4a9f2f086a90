"""What is most likely to work when a failed pull is tried again: the trust, or which credential."""

from __future__ import annotations

from dataclasses import dataclass

from groups.models import ContainerGroup, Failure
from groups.queries.sign_in_offers import SignInOffer, met_offer
from registries.failures import ABOUT_CREDENTIALS, FAILURES, TlsInvalid
from registries.foundation.ids import CredentialId, OrganizationId, ProjectId
from registries.models import Credential, CredentialQuerySet
from registries.trusts.rows import find_trust

_ABOUT_CREDENTIALS = {failure.code for failure in ABOUT_CREDENTIALS}


@dataclass(frozen=True)
class Suggestion:
    """The trust for the registry, or a live credential by its id. Without either, `needs_new` says whether a new one is
    to be entered; otherwise the image is pulled without a credential. With `needs_authority` the credential helps once
    it is entered with a certificate authority, or once the registry has another certificate. With `sign_in_offer` it is
    refused again unless a member answers that question with yes."""

    credential_id: CredentialId | None = None
    needs_new: bool = False
    needs_authority: bool = False
    sign_in_offer: SignInOffer | None = None
    by_trust: bool = False


def kept_credential(group: ContainerGroup) -> Credential | None:
    """Return the credential of the group's failed pull, if it is still live: whatever it is kept for, the pull can be
    tried again with it."""
    image = group.failed_image
    if image is None or image.credential_id is None:
        return None
    return Credential.objects.live().filter(pk=image.credential_id).first()


def suggest_credential(group: ContainerGroup, live: CredentialQuerySet) -> Suggestion:
    """Return what the failed pull was signed in with, if that may work again, or else the best of the organization's
    live credentials, or a trust. The credential that has itself just failed is not suggested, and
    none is for an image that turned out to be public."""
    image = group.failed_image or group.image
    last = group.failures.order_by("-created_at").first()
    if last is not None and last.params.get("public"):
        return Suggestion()
    organization_id = OrganizationId(group.organization_id)
    trust = find_trust(organization_id, ProjectId(group.project_id), image.registry)
    if trust is not None and image.trust_id is not None:
        return Suggestion(by_trust=True)
    failure = FAILURES.get(last.code) if last is not None else None
    is_refused = failure is not None and not failure.keeps_credential
    fitting = live.for_image(image.registry, image.repository).order_by("-received_at")
    if is_refused and image.credential_id:
        fitting = fitting.exclude(pk=image.credential_id)
    rows = list(fitting.values_list("pk", "sign_in_host"))
    best = next((row for row in rows if row[0] == image.credential_id), rows[0] if rows else None)
    if best is not None:
        offer = met_offer(last.params, organization_id=organization_id, registry=image.registry) if last else None
        return Suggestion(
            best[0],
            needs_authority=last is not None and _is_about_authority(last),
            sign_in_offer=offer if offer and offer.host != best[1] else None,
        )
    if trust is not None:
        return Suggestion(by_trust=True)
    is_about_credentials = last is not None and last.code in _ABOUT_CREDENTIALS
    return Suggestion(needs_new=is_about_credentials or bool(image.provider))


def _is_about_authority(failure: Failure) -> bool:
    return failure.code == TlsInvalid.code and failure.params.get("case") == "unknown_authority"
