"""The answer to the question whether a credential may be sent to another host to sign in (`sign_in_offer.html`)."""

from __future__ import annotations

from dataclasses import replace

from django.http import QueryDict

from groups.ingest.credential_hold import Chosen
from registries.actions import confirm_sign_in_host
from registries.credential_rows import NewCredential
from registries.foundation.ids import OrganizationId
from registries.foundation.requests import ProjectRequest
from registries.models import Trust
from registries.secrets.sign_in_offers import offered_host

FIELD = "sign_in_host"


def with_confirmation(request: ProjectRequest, credential: Chosen, *, registry: str) -> Chosen:
    """Return the credential with the sign-in host that the member confirmed on this page for `registry`, if any: a
    typed one is sealed with it, and that of a saved one is an action of its own. Raises Refusal."""
    host = confirmed_host(request.POST, organization_id=request.organization.pk, registry=registry)
    if not host or credential is None or isinstance(credential, Trust) or credential.host != registry:
        return credential
    if isinstance(credential, NewCredential):
        return replace(credential, sign_in_host=host)
    confirm_sign_in_host(credential, host=host, by=request.actor)
    return credential


def confirmed_host(data: QueryDict, *, organization_id: OrganizationId, registry: str) -> str:
    """Return the host that was confirmed for this registry; empty if none was, or the portal didn't ask about it."""
    hosts = (offered_host(value, organization_id=organization_id, registry=registry) for value in data.getlist(FIELD))
    return next((host for host in hosts if host), "")
