"""Permissions: the lowest role for each page of an organization, and what support sees in the admin.

A page below `/o/` that is missing in the table is refused, and a test fails.
"""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Model

from portal.models import Role, User

PAGES: dict[str, Role] = {
    "portal:organization": Role.VIEWER,
    "portal:search": Role.VIEWER,
    "portal:support": Role.VIEWER,
    "portal:ask": Role.MEMBER,
    "portal:stop_sharing": Role.MEMBER,
    "portal:conversation": Role.VIEWER,
    "portal:conversation_reply": Role.MEMBER,
    "portal:conversation_solve": Role.MEMBER,
    "portal:conversation_share": Role.MEMBER,
    "portal:conversation_unshare": Role.MEMBER,
    "portal:members": Role.VIEWER,
    "portal:invite": Role.OWNER,
    "portal:second_factors": Role.OWNER,
    "portal:withdraw": Role.OWNER,
    "portal:member_role": Role.OWNER,
    "portal:member_remove": Role.OWNER,
    "portal:leave": Role.VIEWER,
    "portal:activity": Role.VIEWER,
    "portal:activity_csv": Role.VIEWER,
    "portal:activity_json_lines": Role.VIEWER,
    "portal:api_keys": Role.OWNER,
    "portal:api_key_create": Role.OWNER,
    "portal:api_key_rotate": Role.OWNER,
    "portal:api_key_take_over": Role.OWNER,
    "portal:api_key_revoke": Role.OWNER,
    "sso:settings": Role.OWNER,
    "sso:save_provider": Role.OWNER,
    "sso:save_policy": Role.OWNER,
    "sso:check_provider": Role.OWNER,
    "sso:remove_provider": Role.OWNER,
    "sso:add_domain": Role.OWNER,
    "sso:check_domain": Role.OWNER,
    "sso:remove_domain": Role.OWNER,
    "portal:notifications": Role.VIEWER,
    "portal:add_webhook": Role.MEMBER,
    "portal:webhook": Role.MEMBER,
    "portal:webhook_log": Role.MEMBER,
    "portal:webhook_rotate": Role.MEMBER,
    "portal:webhook_test": Role.MEMBER,
    "portal:webhook_switch": Role.MEMBER,
    "portal:webhook_delete": Role.MEMBER,
    "portal:webhook_again": Role.MEMBER,
    "groups:list": Role.VIEWER,
    "groups:rows": Role.VIEWER,
    "groups:read": Role.MEMBER,
    "groups:new": Role.MEMBER,
    "groups:check": Role.MEMBER,
    "groups:checked": Role.MEMBER,
    "groups:detail": Role.VIEWER,
    "groups:status": Role.VIEWER,
    "groups:start": Role.MEMBER,
    "groups:stop": Role.MEMBER,
    "groups:retry": Role.MEMBER,
    "groups:delete": Role.MEMBER,
    "groups:failure": Role.VIEWER,
    "groups:scale": Role.MEMBER,
    "groups:instance_restart": Role.MEMBER,
    "groups:instance_recreate": Role.MEMBER,
    "groups:instance_reallocate": Role.MEMBER,
    "groups:ledger": Role.VIEWER,
    "groups:ledger_csv": Role.VIEWER,
    "groups:token_revoke": Role.MEMBER,
    "registries:list": Role.VIEWER,
    "registries:new": Role.MEMBER,
    "registries:detail": Role.VIEWER,
    "registries:edit": Role.MEMBER,
    "registries:destroy": Role.MEMBER,
    "registries:erase": Role.MEMBER,
    "registries:guide": Role.VIEWER,
    "registries:trust_new": Role.MEMBER,
    "registries:trust": Role.VIEWER,
    "registries:trust_edit": Role.MEMBER,
    "registries:trust_remove": Role.MEMBER,
}
"""The lowest role that may open a page, by URL name."""

SUPPORT = frozenset(
    {
        "groups.view_failure",
        "portal.view_supportrequest",
    }
)


class SupportBackend(BaseBackend):
    """Gives staff with the support role the permissions in `SUPPORT`. It does not authenticate.

    Nobody but operators has any other permission. Django's own backend would also read rows of permissions and groups,
    which no mark covers: whoever writes to the database could give somebody all of an operator's.
    """

    def get_user_permissions(self, user_obj: AbstractBaseUser | AnonymousUser, obj: Model | None = None) -> set[str]:
        is_support = isinstance(user_obj, User) and user_obj.is_active and user_obj.is_staff and user_obj.is_support
        return set(SUPPORT) if is_support and obj is None else set()

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Model | None = None) -> bool:
        """Whether it is a permission of support. Raises PermissionDenied if not, so that no other backend is asked."""
        if perm not in self.get_user_permissions(user_obj, obj):
            raise PermissionDenied
        return True

    def has_module_perms(self, user_obj: AbstractBaseUser | AnonymousUser, app_label: str) -> bool:
        """Whether the admin's index lists anything of that app. Raises PermissionDenied if not, as `has_perm`."""
        if not any(name.startswith(f"{app_label}.") for name in self.get_user_permissions(user_obj)):
            raise PermissionDenied
        return True
