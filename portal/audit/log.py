"""The rows of an organization's activity as a page shows them: icon, words and link."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse

from groups.models import ContainerGroup, Failure
from portal.audit.facts import changes_of, facts_of
from portal.models import Activity, Organization, Webhook
from registries.foundation.actor import ActorKind
from registries.foundation.ids import OrganizationId

AREAS = {
    "group": "Groups",
    "credential": "Registries",
    "trust": "Trusts",
    "team": "Team",
    "account": "Sign-ins",
    "key": "API keys",
    "notification": "Notifications",
    "support": "Support",
    "operator": "Operators",
    "activity": "Activity",
    "organization": "Organization",
}
VERBS = {
    "group.created": ("stack-2", "created the group"),
    "group.started": ("player-play", "started"),
    "group.stopped": ("player-pause", "stopped"),
    "group.retried": ("refresh", "tried again to pull"),
    "group.changed": ("settings", "changed"),
    "group.deleted": ("trash", "deleted the group"),
    "group.requeued": ("refresh", "had pulled again"),
    "credential.added": ("lock", "added the credential"),
    "credential.changed": ("key", "changed the credential"),
    "credential.sign_in_host_confirmed": ("key", "confirmed where to sign in with the credential"),
    "credential.checked": ("circle-check", "checked an image with the credential"),
    "credential.kept": ("key", "kept the credential"),
    "trust.added": ("shield-lock", "added the trust"),
    "trust.changed": ("shield-lock", "renamed the trust"),
    "trust.checked": ("circle-check", "checked an image by the trust"),
    "trust.removed": ("trash", "removed the trust"),
    "credential.destroyed": ("flame", "destroyed the credential"),
    "credential.erased": ("flame", "erased the name and the user name of a credential"),
    "team.invited": ("user-plus", "invited"),
    "team.withdrawn": ("ban", "withdrew the invitation of"),
    "team.joined": ("users", "joined as"),
    "team.role_changed": ("users", "changed the role of"),
    "team.removed": ("door-exit", "removed"),
    "team.left": ("door-exit", "left the organization"),
    "team.added": ("user-plus", "added"),
    "account.signed_in": ("user", "signed in as"),
    "account.sign_in_refused": ("ban", "failed to sign in as"),
    "account.signed_out": ("logout", "signed out as"),
    "account.session_ended": ("logout", "signed out a browser of"),
    "account.sessions_ended": ("logout", "signed out the browsers of"),
    "account.password_changed": ("key", "changed the password of"),
    "account.password_reset": ("key", "reset the password of"),
    "account.second_factor_added": ("shield-lock", "added a second factor for"),
    "account.second_factor_removed": ("shield-lock", "removed a second factor of"),
    "account.second_factors_reset": ("shield-lock", "reset the second factors of"),
    "account.passkey_renamed": ("shield-lock", "renamed a passkey of"),
    "account.password_removed": ("key", "removed the password of"),
    "account.recovery_codes_created": ("shield-lock", "created recovery codes for"),
    "account.recovery_codes_removed": ("shield-lock", "removed the recovery codes of"),
    "account.recovery_codes_viewed": ("eye", "viewed the recovery codes of"),
    "account.recovery_code_used": ("shield-lock", "used a recovery code of"),
    "account.lock_lifted": ("refresh", "lifted the sign-in lock of"),
    "account.limit_lifted": ("refresh", "lifted a sign-in limit of"),
    "account.confirmed": ("circle-check", "confirmed the account of"),
    "account.identity_linked": ("shield-lock", "connected single sign-on with the account of"),
    "account.identity_unlinked": ("ban", "disconnected single sign-on from the account of"),
    "account.identity_withdrawn": ("door-exit", "ended single sign-on of"),
    "account.signed_out_by_provider": ("logout", "signed out, by their identity provider,"),
    "account.created": ("user-plus", "created the account of"),
    "account.changed": ("settings", "changed the account of"),
    "account.activated": ("player-play", "activated the account of"),
    "account.deactivated": ("player-pause", "deactivated the account of"),
    "account.email_changed": ("mail", "changed the email address of"),
    "account.link_created": ("key", "created a link to sign in for the first time for"),
    "account.address_requested": ("mail", "asked for another email address for"),
    "account.deleted": ("trash", "deleted the account of"),
    "account.address_proven": ("mail", "proved the email address of"),
    "account.address_added": ("mail", "added an email address for"),
    "account.address_changed": ("mail", "changed an email address of"),
    "account.address_removed": ("mail", "removed an email address of"),
    "key.created": ("key", "created the API key"),
    "key.rotated": ("refresh", "put a new API key in the place of"),
    "key.revoked": ("ban", "revoked the API key"),
    "key.handed_over": ("key", "handed over the API key"),
    "key.taken_over": ("key", "took over the API key"),
    "notification.added": ("bell", "added the webhook"),
    "notification.changed": ("bell", "changed the webhook"),
    "notification.deleted": ("trash", "deleted the webhook"),
    "notification.tested": ("send", "sent a test to the webhook"),
    "notification.sent_again": ("refresh", "sent a message again to the webhook"),
    "notification.emails_changed": ("mail", "changed which emails they get"),
    "support.asked": ("lifebuoy", "asked support about"),
    "support.replied": ("message-circle", "wrote to support again about"),
    "support.solved": ("circle-check", "closed the question about"),
    "support.shared": ("eye", "showed to support"),
    "support.unshared": ("lock", "took back from support"),
    "support.looked": ("eye", "looked at"),
    "support.answered": ("message-circle", "answered about"),
    "support.seen": ("eye", "opened first"),
    "support.moved": ("circle-dot", "changed the state of"),
    "support.noted": ("book", "changed the note of"),
    "operator.suspended": ("player-pause", "suspended"),
    "operator.resumed": ("player-play", "resumed"),
    "operator.changed": ("server-2", "changed"),
    "activity.erased": ("flame", "erased the text of"),
    "queue.changed": ("stack-2", "changed the queue"),
    "organization.created": ("plus", "created the organization"),
    "organization.renamed": ("settings", "renamed the organization"),
    "organization.second_factor_required": ("shield-lock", "required a second factor in"),
    "organization.second_factor_optional": ("shield-lock", "no longer requires a second factor in"),
    "organization.sso_set": ("settings", "set up single sign-on with"),
    "organization.sso_changed": ("settings", "changed single sign-on with"),
    "organization.sso_required": ("shield-lock", "required single sign-on in"),
    "organization.sso_optional": ("shield-lock", "no longer requires single sign-on in"),
    "organization.sso_removed": ("trash", "removed single sign-on with"),
    "organization.domain_added": ("plus", "added the domain"),
    "organization.domain_verified": ("circle-check", "verified the domain"),
    "organization.domain_lost": ("ban", "no longer found the record of the domain"),
    "organization.domain_removed": ("trash", "removed the domain"),
    "organization.project_added": ("plus", "added the project"),
    "registry.tls_forgotten": ("refresh", "forgot the TLS of the registry"),
    "enrolment.created": ("key", "created a code for the node"),
    "node.enrolled": ("server-2", "enrolled as the node"),
    "node.key_replaced": ("key", "replaced the key of the node"),
    "node.key_refused": ("ban", "refused the key of the node"),
    "node.cordoned": ("ban", "cordoned the node"),
    "node.uncordoned": ("player-play", "uncordoned the node"),
    "node.drained": ("player-pause", "drained the node"),
    "node.removed": ("trash", "removed the node"),
}
OWN_ACCOUNT = {
    "account.signed_in": "signed in",
    "account.sign_in_refused": "failed to sign in again",
    "account.signed_out": "signed out",
    "account.password_changed": "changed their password",
    "account.password_reset": "reset their password",
    "account.second_factor_added": "added a second factor",
    "account.second_factor_removed": "removed a second factor",
    "account.passkey_renamed": "renamed a passkey",
    "account.password_removed": "removed their password",
    "account.recovery_codes_created": "created recovery codes",
    "account.recovery_codes_removed": "removed their recovery codes",
    "account.recovery_codes_viewed": "viewed their recovery codes",
    "account.recovery_code_used": "used a recovery code",
    "account.session_ended": "signed out another browser",
    "account.sessions_ended": "signed out all other browsers",
}
"""What people do with their own accounts, in words that don't repeat their names."""


@dataclass(frozen=True)
class Line:
    """A row as a page shows it. `target` is the name of the target, empty if it was erased or is whoever acted; `link`
    is its address, empty if it no longer has a page."""

    row: Activity
    icon: str
    words: str
    target: str
    link: str

    @property
    def facts(self) -> list[tuple[str, str]]:
        """As `facts_of`."""
        return facts_of(self.row)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """As `changes_of`."""
        return changes_of(self.row)


def of_organization(organization_id: OrganizationId) -> QuerySet[Activity]:
    """Return the organization's rows with their texts, newest first."""
    return Activity.objects.filter(organization=organization_id).select_related("text").order_by("-number")


def lines(rows: Iterable[Activity], organization: Organization) -> list[Line]:
    """Return these rows of the organization as lines. Takes one query for each kind of target, however many rows."""
    listed = list(rows)
    links = _links(listed, organization)
    return [_line(row, links.get((row.target_kind, row.target_key), "")) for row in listed]


def _line(row: Activity, link: str) -> Line:
    icon, words = VERBS.get(row.action, ("circle", row.action))
    if row.action in OWN_ACCOUNT and row.actor_kind == ActorKind.PERSON and row.actor_key == row.target_key:
        return Line(row, icon, OWN_ACCOUNT[row.action], target="", link="")
    text = row.kept_text
    return Line(row, icon, words, target=text.target_name if text is not None else "", link=link)


def _links(rows: list[Activity], organization: Organization) -> dict[tuple[str, str], str]:
    """The addresses of targets that have a page, by kind and key of the target."""
    keys: dict[str, set[str]] = {}
    for row in rows:
        if row.target_kind in _PAGES or (row.target_kind in _KINDS_BY_UUID and _is_uuid(row.target_key)):
            keys.setdefault(row.target_kind, set()).add(row.target_key)
    links: dict[tuple[str, str], str] = {}
    groups = ContainerGroup.objects.filter(organization=organization, pk__in=keys.get("group", ()))
    for group_id, project, name in groups.values_list("pk", "project__slug", "name"):
        links["group", str(group_id)] = reverse("groups:detail", args=[organization.slug, project, name])
    webhooks = Webhook.objects.filter(organization=organization, pk__in=keys.get("webhook", ()))
    for webhook_id in webhooks.values_list("pk", flat=True):
        links["webhook", str(webhook_id)] = reverse("portal:webhook", args=[organization.slug, webhook_id])
    failures = Failure.objects.filter(organization=organization, group__isnull=False, pk__in=keys.get("failure", ()))
    for failure_id, project, name in failures.values_list("pk", "group__project__slug", "group__name"):
        links["failure", str(failure_id)] = reverse(
            "groups:failure", args=[organization.slug, project, name, failure_id]
        )
    for kind, page in _PAGES_BY_KEY.items():
        for key in keys.get(kind, ()):
            links[kind, key] = reverse(page, args=[organization.slug, key])
    for kind, page in _PAGES.items():
        for key in keys.get(kind, ()):
            links[kind, key] = reverse(page, args=[organization.slug])
    return links


def _is_uuid(key: str) -> bool:
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False


_PAGES_BY_KEY = {
    "credential": "registries:detail", "trust": "registries:trust", "conversation": "portal:conversation",
}  # fmt: skip
"""Pages of targets that are never deleted, and have the row's key in their address."""
_KINDS_BY_UUID = {"group", "webhook", "failure", *_PAGES_BY_KEY}
_PAGES = {
    "member": "portal:members",
    "person": "portal:members",
    "invitation": "portal:members",
    "api_key": "portal:api_keys",
}
