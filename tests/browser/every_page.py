"""Which pages there are, derived from the URLconf: what fills each address, who opens it, and which have no page.

A new address is visited by itself where the tables below know what varies in it; else `test_every_page` fails until
somebody says it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any

from django.contrib import admin

from portal.models import Role, User
from portal.organizations.permissions import PAGES
from tests.support.addresses import Address, addresses

KINDS = ["docker_hub", "ecr", "google", "gitlab", "digitalocean", "self_hosted", "ecr_public", "mcr"]
"""Kinds of registry that differ in what their pages have: fields, hosts, and whether there is a form at all. All guides
are in `test_guides`."""
_MACHINES = "for machines"
_POST = "takes forms only"
_PART = "a part of a page, for htmx"
_FILE = "a download"
_DESK = "leads to the desk"
_AWAY = "leads elsewhere"
NO_PAGE = {
    "livez": _MACHINES,
    "readyz": _MACHINES,
    "metrics": _MACHINES,
    "api-public:*": _MACHINES,
    "api-v1:*": _MACHINES,
    "delivery:*": _MACHINES,
    "nodes:*": _MACHINES,
    "issuers:*": _MACHINES,
    "accounts/email/": "not found on purpose: operators keep addresses",
    "account_email": "stands behind the one that is not found",
    "accounts/confirm-email/": "not found on purpose: operators keep addresses",
    "accounts/confirm-email/<str:key>/": "not found on purpose: operators keep addresses",
    "account_email_verification_sent": "stands behind the one that is not found",
    "account_confirm_email": "stands behind the one that is not found",
    "account_confirm_login_code": "codes by mail are switched off",
    "account_continue": "leads to the start page unless a form was kept",
    "mfa_download_recovery_codes": "there is none",
    "mfa_list_webauthn": _AWAY,
    "groups:ledger_csv": _FILE,
    "portal:activity_csv": _FILE,
    "portal:activity_json_lines": _FILE,
    "groups:rows": _PART,
    "groups:read": _PART,
    "groups:status": _PART,
    "portal:webhook_log": _PART,
    "desk:pulse": _PART,
    "groups:check": _POST,
    "groups:start": _AWAY,
    "groups:stop": _AWAY,
    "groups:retry": _AWAY,
    "groups:delete": _AWAY,
    "groups:scale": _POST,
    "groups:instance_*": _POST,
    "groups:token_revoke": _POST,
    "registries:destroy": _POST,
    "portal:stop_sharing": _POST,
    "portal:invite": _POST,
    "portal:second_factors": _POST,
    "mfa_login_webauthn": _POST,
    "portal:add_webhook": _POST,
    "portal:invitation_accept": "shown by portal:invitation, which leads there",
    "sso:portal_start": _POST,
    "sso:portal_callback": "the provider leads there",
    "sso:callback": "the provider leads there",
    "sso:wait": "needs a sign-in that is under way",
    "sso:connect": "needs a sign-in that is under way",
    "sso:again": "needs a session of a provider",
    "sso:disconnect": _POST,
    "sso:logout": _MACHINES,
    "sso:save_*": _POST,
    "sso:check_*": _POST,
    "sso:remove_*": _POST,
    "sso:add_domain": _POST,
    "portal:withdraw": _POST,
    "portal:conversation_*": _POST,
    "portal:api_key_*": _POST,
    "portal:webhook_rotate": _POST,
    "portal:webhook_test": _POST,
    "portal:webhook_switch": _POST,
    "portal:webhook_delete": _POST,
    "portal:webhook_again": _POST,
    "account_session*_end": _POST,
    "account_name": _POST,
    "account_prove_address": _POST,
    "account_new_address": "shown by account_address_link, which leads there",
    "admin:auth_user_password_change": "leads to the page that creates a link",
    "admin:password_change*": "leads to the account's page",
    "admin:login": "leads to the one sign-in page",
    "admin:logout": _POST,
    "admin:autocomplete": _MACHINES,
    "admin:jsi18n": "a script",
    "admin:view_on_site": "no record has a page outside the admin",
    "admin/(?P<url>.*)$": "not found",
    "admin/*/<path:object_id>/": "leads to the record's page",
    "admin:groups_failure_changelist": _DESK,
    "admin:groups_failure_change": _DESK,
    "admin:portal_supportrequest_changelist": _DESK,
    "admin:portal_supportrequest_change": _DESK,
    "admin/rq/": "leads to the queues",
}


LEADS_TO = {
    "portal:invitation": "/invitations/accept/",
    "account_address_link": "/accounts/profile/new-address/",
}
"""Pages that are shown at another address than the one that leads to them."""


@dataclass(frozen=True)
class Visit:
    """Who opens a page, what its address has in addition to the usual values, and its query."""

    who: str
    values: tuple[tuple[str, Any], ...] = ()
    query: str = ""


def visit(who: str, query: str = "", **values: Any) -> Visit:
    return Visit(who, tuple(values.items()), query)


_STAFF = ("admin:", "desk:", "operations:")
# Who opens what, where it isn't olga (staff's pages) or alice, once.
VISITS = {
    "account_login": [visit("nobody"), visit("nobody", "?next=/o/acme/")],
    "account_change_password": [visit("alice")],
    "account_set_password": [visit("passwordless")],
    "account_remove_password": [visit("twofold")],
    "account_profile": [visit("alice"), visit("unproven")],
    "account_address": [visit("alice")],
    "account_address_link": [visit("bob")],
    "account_sessions": [visit("alice")],
    "account_delete": [visit("alice"), visit("carol")],
    "account_logout": [visit("alice")],
    "account_reauthenticate": [visit("alice")],
    "mfa_index": [visit("alice"), visit("twofold")],
    "mfa_activate_totp": [visit("alice")],
    "mfa_authenticate": [visit("midway")],
    "mfa_*": [visit("twofold")],
    "account_*": [visit("nobody")],
    "portal:home": [visit("homeless")],
    "portal:invitation": [visit("nobody"), visit("invited")],
    "portal:ask": [visit("alice", query) for query in ("", "?kind=registry", "?failure={failure}")],
    "portal:search": [visit("alice", query) for query in ("", "?q=render", "?q=no-such")],
    "portal:activity": [visit("alice"), visit("alice", "?area=team"), visit("alice", "?who=no-such")],
    "groups:list": [visit("alice"), visit("alice", "?state=failed"), visit("alice", "?q=no-such")],
    "groups:new": [visit("alice", query) for query in ("", "?image=ghcr.io/acme/render:2.4", "?from=render")],
    "groups:detail": [
        visit("alice", name=name) for name in ("render", "whisper", "upscale", "frontend", "nightly-batch")
    ],
    "groups:ledger": [visit("alice"), visit("alice", name="upscale")],
    "groups:failure": [visit("alice", name="whisper")],
    "groups:checked": [visit("alice", check=check) for check in ("going on", "done", "failed")],
    "registries:new": [visit("alice"), *(visit("alice", f"?kind={kind}") for kind in KINDS)],
    "registries:detail": [visit("alice"), visit("alice", credential="destroyed")],
    "registries:erase": [visit("alice", credential="destroyed")],
    "registries:guide": [visit("alice", kind=kind) for kind in KINDS],
    "desk:queue": [visit("sam"), visit("sam", "?state=solved"), visit("sam", "?q=no-such")],
    "desk:case": [visit("sam", what=what, pk=what) for what in ("failure", "request")],
    "operations:storage": [visit("olga"), visit("olga", "?orphans=1")],
    "admin:app_list": [visit("olga", app_label=label) for label in ("portal", "groups", "registries")],
    "admin:groups_node_changelist": [visit("olga"), visit("olga", "?q=no-such")],
    "admin:index": [visit("olga"), visit("sam")],
    "api_docs": [visit("nobody"), visit("alice")],
}
SECTIONS = (
    "organization", "records", "nodes", "registries", "operations", "accounts", "viewer", "empty",
)  # fmt: skip
_MEMBERS = ("organization", "registries")


def section_of(name: str) -> str:
    """The part of the test that an address belongs to."""
    space, _, rest = name.partition(":")
    if not rest:
        return "accounts" if name.startswith(("account", "mfa")) else "organization"
    if space == "admin" and record_of(name):
        return "nodes" if rest.startswith(("groups", "registries")) else "records"
    if space == "registries":
        return "registries"
    return "operations" if space in ("admin", "desk", "operations") else "organization"


def record_of(name: str) -> Any:
    """The model whose record or list an address of the admin shows."""
    for model in admin.site._registry:
        if name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
            return model
    return User if name == "admin:auth_user_password_change" else None


def _is_offered(name: str) -> bool:
    """Whether an operator may add or delete such records at all."""
    model, action = record_of(name), name.rpartition("_")[2]
    if model is None or action not in ("add", "delete"):
        return True
    asking: Any = SimpleNamespace(user=User(is_active=True, is_staff=True, is_superuser=True))
    return bool(getattr(admin.site._registry[model], f"has_{action}_permission")(asking))


def pages() -> dict[str, Address]:
    """Every address that should have a page."""
    return {name: address for name, address in addresses().items() if not matching(name, NO_PAGE) and _is_offered(name)}


def visits(section: str) -> Iterator[tuple[Address, Visit]]:
    """What is opened in a section. A viewer and an empty organization are shown the organization's pages again."""
    shown = _MEMBERS if section in ("viewer", "empty") else (section,)
    for name, address in pages().items():
        if section_of(name) not in shown:
            continue
        if section in shown:
            chosen = matching(name, VISITS)
            for visit in VISITS[chosen] if chosen else [Visit("olga" if name.startswith(_STAFF) else "alice")]:
                yield address, visit
        elif section == "viewer" and "org" in address.varies and PAGES[name] is Role.VIEWER:
            yield address, Visit("carol", VISITS[name][0].values if name in VISITS else ())
        elif section == "empty" and set(address.varies) in ({"org"}, {"org", "project"}):
            yield address, Visit("mallory", (("org", "umbrella"),))


def matching(name: str, table: Iterable[str]) -> str:
    """The entry of a table that an address falls under: its own, else the first pattern."""
    return name if name in table else next((pattern for pattern in table if fnmatchcase(name, pattern)), "")
