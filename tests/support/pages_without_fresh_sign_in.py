"""Which addresses need no fresh sign-in, and why. With `FRESH_PAGES` they are all addresses; a test compares them."""

from __future__ import annotations

NO_SESSION = ("api-public:", "api-v1:", "delivery:", "nodes:")
"""Namespaces where a key, a token or a certificate says who it is, not a browser's session."""
RECORDS = (
    "portal_activity", "admin_logentry", "groups_failure", "portal_supportrequest", "portal_signinlimit",
    "groups_nodetoken", "groups_redemption", "groups_unusualpresentation", "groups_containergroup",
    "groups_image", "groups_node", "registries_tlshost", "registries_trust",
    "registries_trustuse",
)  # fmt: skip
"""Models in the admin that are records, or whose actions stop something and give nobody anything."""
SHOWN = ("portal_ssoprovider", "portal_verifieddomain", "portal_linkedidentity")
"""Models in the admin whose pages change nothing, apart from their lists."""
ADMIN_PAGES = ("changelist", "add", "history", "delete", "change")
PUBLIC = {
    "livez", "readyz", "metrics", "issuers:discovery", "issuers:jwks",
    "api_docs", "account_login", "account_logout", "account_inactive", "account_signup",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key",
    "account_reset_password_from_key_done", "account_confirm_login_code", "mfa_authenticate",
    "mfa_login_webauthn",
    "account_address_link", "portal:invitation", "portal:invitation_accept", "admin:login", "admin:logout",
    "sso:find", "sso:portal_start",
    "sso:portal_callback", "sso:callback", "sso:wait", "sso:logout",
}  # fmt: skip
"""Signing in and out, and pages for whoever is not signed in."""
PROOFS = {
    "account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_continue", "sso:again",
}  # fmt: skip
"""Where the fresh sign-in happens."""
NOT_THERE = {
    "account_email", "account_confirm_email", "account_email_verification_sent", "accounts/email/",
    "accounts/confirm-email/", "accounts/confirm-email/<str:key>/", "mfa_download_recovery_codes",
}  # fmt: skip
"""Pages of allauth's that respond 404."""
READ = {
    "account_profile", "mfa_index", "mfa_list_webauthn", "account_sessions",
    "admin:index", "admin:app_list", "admin:jsi18n", "admin:autocomplete", "admin:view_on_site",
    "admin:password_change", "admin:password_change_done", "admin/rq/", "admin/(?P<url>.*)$", "operations:start",
    "operations:health",
    "operations:queue", "operations:storage", "desk:queue", "desk:pulse", "portal:home", "portal:organization",
    "portal:search", "portal:members", "portal:activity", "portal:activity_csv", "portal:activity_json_lines",
    "portal:api_keys", "portal:webhook_log", "portal:support", "portal:conversation", "registries:list",
    "registries:guide", "registries:detail", "registries:trust",
    "groups:list", "groups:rows", "groups:detail", "groups:status",
    "admin:portal_user_history", "admin:portal_user_delete",
    "groups:failure", "groups:ledger", "groups:ledger_csv", "groups:checked", "sso:settings", "sso:connected",
    "sso:check_domain", "sso:check_provider",
    "admin:portal_organization_history", "admin:portal_organization_delete", "admin:account_emailaddress_history",
    "admin:mfa_authenticator_changelist", "admin:mfa_authenticator_delete",
    "admin:mfa_authenticator_history", "admin:mfa_authenticator_add", "admin:mfa_authenticator_change",
    "admin:groups_enrolment_history", "admin:groups_enrolment_change", "admin:groups_enrolment_delete",
    "admin:registries_credential_history", "admin:registries_credential_add", "admin:registries_credential_change",
    "admin:registries_credential_delete",
}  # fmt: skip
"""Pages that change nothing, or that the admin refuses."""
TAKES_AWAY = {
    "portal:withdraw", "portal:member_remove", "portal:leave", "portal:api_key_revoke", "portal:webhook_delete",
    "portal:webhook_switch", "portal:stop_sharing", "portal:conversation_unshare", "groups:token_revoke",
    "registries:trust_remove",
}  # fmt: skip
"""Ending an access must not wait for anything."""
DAILY_WORK = {
    "account_name", "account_prove_address",
    "portal:ask", "portal:conversation_reply", "portal:conversation_solve", "portal:conversation_share",
    "portal:notifications", "portal:webhook", "portal:webhook_test", "portal:webhook_again", "desk:case",
    "registries:trust_new", "registries:trust_edit",
    "registries:new", "registries:edit", "groups:new", "groups:read", "groups:check", "groups:start", "groups:stop",
    "groups:retry", "groups:delete", "groups:scale", "groups:instance_restart", "groups:instance_recreate",
    "groups:instance_reallocate",
}  # fmt: skip
"""What people do all day. It is in the activity, and gives nobody an access that outlives the session."""


def needs_none(name: str) -> bool:
    """Whether the address with this URL name is declared here."""
    declared = PUBLIC | PROOFS | NOT_THERE | READ | TAKES_AWAY | DAILY_WORK
    return name in declared or name.startswith(NO_SESSION) or name.startswith("admin/") or name in _records()


def _records() -> set[str]:
    pages = {f"admin:{model}_{page}" for model in (*RECORDS, *SHOWN) for page in ADMIN_PAGES}
    return pages - {f"admin:{model}_changelist" for model in SHOWN}
