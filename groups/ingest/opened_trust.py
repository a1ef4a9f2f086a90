"""Signing in by a trust: a token for one attempt, exchanged for a login that only this attempt's client has. Worker
zone only.

As with a credential, a row that somebody changed past the portal is worth nothing: the trust's columns and the uuids
that the token names each have a mark. Neither the token nor the login is written or logged; what the token says is
noted before it is sent (`TrustUse`).
"""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db.models import Q

from groups.ingest.opened_credential import LOGIN_TIMEOUTS, OpenedCredential
from groups.models import ContainerGroup, Image, ImageCheck, Quota
from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    PullFailed,
    TrustRefused,
    Unexpected,
    registry_itself,
)
from registries.federation.exchanges import Exchange, sign_in
from registries.federation.identities import Identity, IdentityAltered, identity_of
from registries.federation.issuer import HttpsNeeded
from registries.federation.tokens import IssuedToken, issue
from registries.foundation.ids import CheckId, ImageId
from registries.hosts import address_guard
from registries.models import Trust, TrustUse
from registries.oci.transport import Session
from registries.providers.trust_kinds import TRUST_KINDS
from registries.secrets.keyring import KeyUnavailable
from registries.secrets.trust_marks import is_marked
from registries.trusts.rows import note_use, settle_use

log = structlog.get_logger(__name__)


def open_trust(image: Image | ImageCheck) -> OpenedCredential:
    """Sign in by the image's trust, and note the use.

    Raises TrustRefused where the trust was removed, its rows are not as they were stored, the organization is
    suspended, or the cloud doesn't accept the token; AccessDenied where it gives no login for the registry; and the
    failures of the connection.
    """
    trust = image.trust
    if trust is None or not trust.is_live:
        raise TrustRefused(case="removed", host=image.registry)
    group_name, identity = _identity(image, trust)
    _check_trust(image, trust)
    if Quota.objects.filter(pk=image.organization_id, suspended_at__isnull=False).exists():
        raise TrustRefused(case="suspended", host=image.registry)
    token = _issue(image, trust, identity, group_name)
    use = note_use(
        trust,
        token,
        pull=pull_id(image),
        reference=image.reference,
        group_name=group_name,
        image_id=ImageId(image.pk) if isinstance(image, Image) else None,
        check_id=CheckId(image.pk) if isinstance(image, ImageCheck) else None,
    )
    exchange = Exchange(trust.provider, trust.host, image.repository, trust.settings, pull_id(image))
    try:
        login = sign_in(exchange, token.text, _connect)
    except PullFailed as failure:
        settle_use(use, failure.code)
        failure.params |= {"issuer": token.issuer, "subject": token.subject, "audience": token.audience}
        raise
    settle_use(use, TrustUse.ACCEPTED)
    return OpenedCredential(login, trust.host, trust.provider, ca="")


def pull_id(image: Image | ImageCheck) -> str:
    """Return what names this attempt in its token and in the cloud's log, at most 64 letters, digits and hyphens."""
    return f"pull-{image.pk}-{image.attempt}" if isinstance(image, Image) else f"check-{image.pk}"


def as_trust_failure(image: Image | ImageCheck, failure: PullFailed) -> PullFailed:
    """Return what a failure at the registry means for an image that is pulled by a trust: there is no credential to
    correct."""
    if image.trust_id is None or isinstance(failure, TrustRefused):
        return failure
    if isinstance(failure, AuthenticationFailed):
        where = registry_itself(image.registry)
        where["service"], where["met"] = (str(failure.params.get(name) or where[name]) for name in ("service", "met"))
        return TrustRefused(case="login", raw=failure.raw, **where)
    if isinstance(failure, AccessDenied) and not failure.params.get("case"):
        failure.params["case"] = "trust"
    return failure


def _identity(image: Image | ImageCheck, trust: Trust) -> tuple[str, Identity]:
    """Return the name of the group, and the identity of its project. Raises TrustRefused."""
    group_name, project = "", None
    if isinstance(image, Image):
        groups = ContainerGroup.objects.select_related("project").filter(Q(image=image) | Q(next_image=image))
        group = groups.first()
        if group is not None:
            group_name, project = group.name, group.project
    else:
        project = image.project
    if project is None:
        raise TrustRefused(case="removed", host=image.registry)
    if trust.project_id not in (None, project.pk):
        raise _altered(image, "project")
    try:
        return group_name, identity_of(image.organization, project)
    except IdentityAltered as error:
        raise _altered(image, str(error)) from None


def _check_trust(image: Image | ImageCheck, trust: Trust) -> None:
    """Check that the trust is as it was entered, and for this image. Raises TrustRefused."""
    differs = [
        name
        for name, one, other in (
            ("organization", trust.organization_id, image.organization_id),
            ("registry", trust.host, image.registry),
            ("kind", trust.provider, image.provider),
        )
        if one != other
    ]
    if differs or trust.provider not in TRUST_KINDS or not is_marked(trust):
        raise _altered(image, ", ".join(differs) or "trust")


def _altered(image: Image | ImageCheck, what: str) -> TrustRefused:
    log.error("trust_altered", image=str(image.pk), changed=what)
    return TrustRefused(case="altered", host=image.registry, raw="altered")


def _issue(image: Image | ImageCheck, trust: Trust, identity: Identity, group_name: str) -> IssuedToken:
    kind = TRUST_KINDS[trust.provider]
    try:
        return issue(
            identity,
            audience=kind.audience(trust.settings, trust.host),
            subject_suffix=kind.subject_suffix(trust.host),
            group=group_name,
            image=image.reference,
            pull=pull_id(image),
        )
    except HttpsNeeded:
        raise TrustRefused(case="https", host=image.registry) from None
    except KeyUnavailable:
        log.error("issuer_key_missing", image=str(image.pk))
        raise Unexpected(raw="issuer key") from None


def _connect(host: str) -> Session:
    """Open connections on behalf of the registry at `host`, within the operator's rules."""
    return Session(host, address_guard(), settings.PORTAL_REGISTRY_CA_FILE, LOGIN_TIMEOUTS)
