"""Who reaches which address of the portal, by role and method: a small declared table, from which the expected outcome
of every request follows. `test_access_table.py` makes all these requests.

Addresses come from the URL map, roles from `PAGES`, methods of API operations from the API. Here is only what these
don't say: which methods a page accepts, and who is admitted outside of organizations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PEOPLE = ("anonymous", "stranger", "removed", "viewer", "member", "unproven", "owner", "support", "operator")
"""`stranger` owns another organization; `removed` was an owner; `unproven` is a member whose address nobody proved."""
KEYS = (
    "no key", "stranger's", "removed owner's", "another project's", "project's, read", "project's, write", "read",
    "write",
)  # fmt: skip
OUTSIDE = ("stranger", "removed", "support", "operator")
_SIGNED_IN = PEOPLE[1:]
_MEMBERS = ("stranger", "removed", "viewer", "member", "unproven", "owner")


class Outcome(StrEnum):
    """What becomes of a request."""

    OPEN = "open"
    SIGN_IN = "sign in"
    NO_KEY = "401"
    DENIED = "403"
    ABSENT = "404"
    NO_METHOD = "405"


@dataclass(frozen=True)
class Row:
    """An address. `refused` says who is refused and how; whoever is not in it is admitted. `methods` are those that an
    admitted request can have; None where another package's view decides, and each address is one's own account or
    an operator's."""

    name: str
    refused: Mapping[str, Outcome]
    methods: tuple[str, ...] | None

    def expected(self, who: str, method: str) -> set[Outcome]:
        """What may become of the request. A method that an address doesn't have may be named before the refusal."""
        has_method = self.methods is None or method in self.methods
        if who in self.refused:
            outcomes = {self.refused[who]}
            return outcomes if has_method and self.methods is not None else outcomes | {Outcome.NO_METHOD}
        if self.methods is None:
            signs_in = {Outcome.SIGN_IN} if who == "anonymous" else set()
            return {Outcome.OPEN, Outcome.DENIED, Outcome.ABSENT, Outcome.NO_METHOD} | signs_in
        return {Outcome.OPEN} if has_method else {Outcome.NO_METHOD}


PAGE_METHODS = {
    "GET": """
        portal:organization portal:search portal:support portal:conversation portal:members portal:activity
        portal:activity_csv portal:activity_json_lines portal:api_keys portal:webhook_log groups:list groups:rows
        groups:detail groups:status groups:failure groups:ledger groups:ledger_csv groups:checked registries:list
        registries:guide registries:detail registries:trust sso:settings
    """,
    "POST": """
        portal:stop_sharing portal:conversation_reply portal:conversation_solve portal:conversation_share
        portal:conversation_unshare portal:invite portal:withdraw portal:api_key_create portal:api_key_rotate
        portal:api_key_take_over portal:api_key_revoke portal:add_webhook portal:webhook_rotate portal:webhook_test
        portal:webhook_switch portal:webhook_delete portal:webhook_again groups:check groups:scale
        groups:instance_restart groups:instance_recreate groups:instance_reallocate groups:token_revoke
        registries:destroy portal:second_factors sso:save_provider sso:save_policy sso:check_provider
        sso:remove_provider sso:add_domain
        sso:check_domain sso:remove_domain
    """,
    "GET POST": """
        portal:ask portal:notifications portal:webhook groups:new registries:new registries:edit registries:erase
        registries:trust_new registries:trust_edit registries:trust_remove
    """,
    "GET HEAD POST": """
        portal:leave portal:member_role portal:member_remove groups:read groups:start groups:stop groups:retry
        groups:delete
    """,
}
"""The methods of pages of an organization."""
_METHODS_OF = {name: methods for methods, names in PAGE_METHODS.items() for name in names.split()}


def _refused(outcome: Outcome, who: Iterable[str]) -> dict[str, Outcome]:
    return dict.fromkeys(who, outcome)


_ANYBODY: dict[str, Outcome] = {}
_OWN = _refused(Outcome.SIGN_IN, ["anonymous"])
_STAFF = _refused(Outcome.SIGN_IN, ["anonymous", *_MEMBERS])
_OPERATORS = _STAFF | _refused(Outcome.DENIED, ["support"])
_NOBODY = _refused(Outcome.ABSENT, PEOPLE)
_NODES = _refused(Outcome.NO_KEY, PEOPLE)

NO_SESSION = ("api-public:", "api-v1:", "delivery:", "issuers:", "nodes:")
OTHERS: dict[str, Mapping[str, Outcome]] = {
    "livez": _ANYBODY,
    "readyz": _ANYBODY,
    "issuers:discovery": _ANYBODY,
    "issuers:jwks": _ANYBODY,
    "metrics": _ANYBODY,  # with PORTAL_METRICS_TOKEN, whoever has it
    "api_docs": _ANYBODY,
    "api-*:openapi-json": _ANYBODY,
    "api-*:api-root": _NOBODY,
    "accounts/email/": _NOBODY,
    "accounts/confirm-email/*": _NOBODY,
    "account_email": _NOBODY,
    "account_email_verification_sent": _NOBODY,
    "account_confirm_email": _NOBODY,
    "account_login": _ANYBODY,
    "account_logout": _ANYBODY,
    "account_inactive": _ANYBODY,
    "account_signup": _ANYBODY,
    "account_reset_password*": _ANYBODY,
    "account_confirm_login_code": _OWN,
    "account_address_link": _ANYBODY,
    "account_*": _OWN,
    "mfa_login_webauthn": _ANYBODY,  # signs in
    "mfa_list_webauthn": _ANYBODY,  # leads to the page of second factors
    "mfa_download_recovery_codes": _NOBODY,
    "mfa_*": _OWN,
    "portal:home": _OWN,
    "portal:invitation*": _ANYBODY,
    "sso:again": _OWN,
    "sso:connected": _OWN,
    "sso:disconnect": _OWN,
    "sso:*": _ANYBODY,  # a sign-in that began in the same browser
    "delivery:*": _NODES,
    "nodes:enrol": _ANYBODY,  # with a code
    "nodes:nothing": _NOBODY,
    "nodes:*": _NODES,
    "desk:*": _STAFF,
    "operations:*": _OPERATORS,
    "admin:login": _ANYBODY,  # leads to the one sign-in page
    "admin:logout": _ANYBODY,
    "admin/rq/": _ANYBODY,  # leads to the queues
    "admin:index": _STAFF,
    "admin:app_list": _STAFF,
    "admin:password_change*": _STAFF,
    "admin:auth_user_password_change": _STAFF,  # leads to a page for operators
    "admin:jsi18n": _STAFF,
    "admin:autocomplete": _STAFF,  # searches nothing for support
    "admin:view_on_site": _STAFF,
    "admin:groups_failure_change*": _STAFF,  # leads to the desk
    "admin:portal_supportrequest_change*": _STAFF,
    "admin:*": _OPERATORS,
    "admin/*": _STAFF,  # leads to the record's page
}
"""Who is refused at addresses outside of organizations, by patterns of their names; the first that fits."""


def rows() -> list[Row]:
    """Return a row for each address. Raises KeyError for one that the tables don't know."""
    from tests.support.addresses import addresses

    return [row_of(name) for name in addresses()]


def row_of(name: str) -> Row:
    """Return the row of an address. Raises KeyError."""
    from portal.accounts.limited_accounts import OPEN_TO_LIMITED
    from portal.organizations.permissions import PAGES

    if name in PAGES:
        return Row(name, _of_a_page(PAGES[name].rank), tuple(_METHODS_OF[name].split()))
    if name in operations():
        return Row(name, _refused(Outcome.NO_KEY, PEOPLE), operations()[name][2])
    for pattern, refused in OTHERS.items():
        if fnmatchcase(name, pattern):
            is_open = name in OPEN_TO_LIMITED or name.startswith(NO_SESSION)
            return Row(name, {**refused, **({} if is_open else _refused(Outcome.DENIED, ["unproven"]))}, None)
    raise KeyError(name)


def _of_a_page(rank: int) -> dict[str, Outcome]:
    from portal.models import Role

    roles = {"viewer": Role.VIEWER, "member": Role.MEMBER, "unproven": Role.MEMBER, "owner": Role.OWNER}
    lower = [who for who, role in roles.items() if role.rank < rank]
    return _OWN | _refused(Outcome.ABSENT, OUTSIDE) | _refused(Outcome.DENIED, lower)


def operations() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return the method, the path and all methods of the path of each operation of the APIs, by the name of its URL."""
    from portal import api

    found = {}
    for space, document in {"api-public": api.public, "api-v1": api.v1}.items():
        for _, router in document._routers:
            for path, view in router.path_operations.items():
                methods = tuple(sorted(method for operation in view.operations for method in operation.methods))
                for operation in view.operations:
                    found[f"{space}:{operation.operation_id}"] = operation.methods[0], path, methods
    return found


def expected_of_key(name: str, key: str, method: str) -> Outcome:
    """What becomes of a program's call. Other methods than the operation's are rows of their own."""
    _, path, methods = operations()[name]
    within_project = "{project_name}" in path
    if method not in methods:
        return Outcome.NO_METHOD
    if key in ("no key", "removed owner's"):
        return Outcome.NO_KEY
    if key == "stranger's":
        return Outcome.ABSENT
    if "project" in key and not within_project:
        return Outcome.DENIED
    if key == "another project's":
        return Outcome.ABSENT
    return Outcome.DENIED if "read" in key and method != "GET" else Outcome.OPEN


def outcome_of(status: int, location: str) -> Outcome | None:
    """Return what a response means; None for an error of the portal."""
    if status >= 500:
        return None
    if status in (301, 302) and location.partition("?")[0] in ("/accounts/login/", "/admin/login/"):
        return Outcome.SIGN_IN
    return {
        401: Outcome.NO_KEY, 403: Outcome.DENIED, 404: Outcome.ABSENT, 405: Outcome.NO_METHOD,
    }.get(status, Outcome.OPEN)  # fmt: skip
