"""What each role may do, and each scope of an API key, in plain words: for the pages on which they are given.

Each row names the pages and API operations that it speaks of. Who may do it is what is enforced: `PAGES` for members,
and the method of an operation for keys. A test fails for a page or an operation that no row names, and for a row whose
pages or operations differ in who may use them.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.models import Role
from portal.organizations.permissions import PAGES


@dataclass(frozen=True)
class Right:
    """Something that can be done. `pages` are names of URLs; `reads` and `writes` are operations of the API, which need
    a key of that scope."""

    what: str
    pages: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def role(self) -> Role:
        """The lowest role that may do it."""
        return max((PAGES[page] for page in self.pages), key=lambda role: role.rank)

    @property
    def roles(self) -> list[bool]:
        """Whether a viewer, a member and an owner may do it."""
        return [role.rank >= self.role.rank for role in SHOWN]

    @property
    def scope(self) -> str:
        """The scope of API keys that may do it; empty if none may."""
        return "write" if self.writes else "read" if self.reads else ""


@dataclass(frozen=True)
class RightGroup:
    """Rights about one subject."""

    title: str
    rights: tuple[Right, ...]


SHOWN = (Role.VIEWER, Role.MEMBER, Role.OWNER)


def _named(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}:{name}" for name in names.split())


_GROUPS = (
    RightGroup(
        "Container groups",
        (
            Right(
                "See groups, their pulls, instances and failures",
                _named("portal", "organization search") + _named("groups", "list rows detail status failure"),
                reads=(
                    "list_container_groups", "get_container_group", "list_container_group_instances",
                    "get_container_group_instance", "list_pulls", "list_group_failures", "list_failures", "get_quotas",
                ),
            ),
            Right("See what was delivered to which node", _named("groups", "ledger ledger_csv"), ("list_deliveries",)),
            Right("Check an image", _named("groups", "read check checked"), writes=("check_image",)),
            Right(
                "Create, change and delete groups",
                _named("groups", "new delete"),
                writes=("create_container_group", "update_container_group", "deploy_container_group",
                    "delete_container_group",
               ),
            ),
            Right(
                "Start, stop, scale and retry groups",
                _named("groups", "start stop scale retry"),
                writes=("start_container_group", "stop_container_group"),
            ),
            Right(
                "Restart, recreate and move instances",
                _named("groups", "instance_restart instance_recreate instance_reallocate"),
                writes=(
                    "update_container_group_instance", "reallocate_container_group_instance",
                    "recreate_container_group_instance", "restart_container_group_instance",
                ),
            ),
            Right("Revoke a node's token", _named("groups", "token_revoke")),
        ),
    ),
    RightGroup(
        "Registries",
        (
            Right(
                "See credentials and receipts, never a secret",
                _named("registries", "list detail guide"),
                reads=("list_receipts",),
            ),
            Right("Add, change and destroy credentials", _named("registries", "new edit destroy erase")),
            Right(
                "See trusts and their uses",
                _named("registries", "trust"),
                reads=("list_trusts", "get_trust"),
            ),
            Right(
                "Add, check, rename and remove trusts",
                _named("registries", "trust_new trust_edit trust_remove"),
                writes=("create_trust", "delete_trust", "check_trust"),
            ),
        ),
    ),
    RightGroup(
        "Notifications and support",
        (
            Right("Choose one's own emails", _named("portal", "notifications")),
            Right(
                "See webhooks and their messages",
                _named("portal", "webhook_log"),
                reads=("list_webhooks", "get_webhook", "list_webhook_messages"),
            ),
            Right(
                "Add, change and delete webhooks, and get their secrets",
                _named("portal", "add_webhook webhook webhook_rotate webhook_test webhook_switch webhook_delete")
                + _named("portal", "webhook_again"),
                writes=("create_webhook", "update_webhook", "delete_webhook", "rotate_webhook_secret", "test_webhook"),
            ),
            Right("Read conversations with support", _named("portal", "support conversation")),
            Right(
                "Write to support, and share failures with it",
                _named("portal", "ask stop_sharing conversation_reply conversation_solve")
                + _named("portal", "conversation_share conversation_unshare"),
            ),
        ),
    ),
    RightGroup(
        "Team",
        (
            Right("See members, roles and invitations", _named("portal", "members")),
            Right("See and export the activity", _named("portal", "activity activity_csv activity_json_lines")),
            Right("Leave", _named("portal", "leave")),
            Right("Invite people, and withdraw invitations", _named("portal", "invite withdraw")),
            Right("Require second factors, and see who has none", _named("portal", "second_factors")),
            Right("Change roles, and remove members", _named("portal", "member_role member_remove")),
            Right(
                "Create, rotate, take over and revoke API keys",
                _named("portal", "api_keys api_key_create api_key_rotate api_key_take_over api_key_revoke"),
            ),
            Right(
                "Set up single sign-on",
                _named("sso", "settings save_provider save_policy check_provider remove_provider")
                + _named("sso", "add_domain check_domain remove_domain"),
            ),
        ),
    ),
)  # fmt: skip


def role_table() -> tuple[RightGroup, ...]:
    """Return all rights by subject, in the order in which pages show them."""
    return _GROUPS
