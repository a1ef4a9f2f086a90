"""The lowest role that is promised for each page below `/o/`, and the form that each takes that changes something."""

from __future__ import annotations

RANKS = ["carol", "bob", "alice"]
"""Viewer, member and owner of Acme."""
LOWEST = {
    "carol": """
        portal:organization portal:search portal:support portal:conversation portal:members portal:leave
        portal:activity portal:activity_csv portal:activity_json_lines portal:notifications
        groups:list groups:rows groups:detail groups:status groups:failure groups:ledger groups:ledger_csv
        registries:list registries:detail registries:guide registries:trust
    """,
    "bob": """
        portal:ask portal:stop_sharing portal:conversation_reply portal:conversation_solve portal:conversation_share
        portal:conversation_unshare portal:add_webhook portal:webhook portal:webhook_log portal:webhook_rotate
        portal:webhook_test portal:webhook_switch portal:webhook_delete portal:webhook_again
        groups:read groups:new groups:check groups:checked groups:start groups:stop groups:retry groups:delete
        groups:scale groups:instance_restart groups:instance_recreate groups:instance_reallocate groups:token_revoke
        registries:new registries:edit registries:destroy registries:erase registries:trust_new registries:trust_edit
        registries:trust_remove
    """,
    "alice": """
        portal:invite portal:withdraw portal:member_role portal:member_remove portal:second_factors
        portal:api_keys portal:api_key_create portal:api_key_rotate portal:api_key_take_over portal:api_key_revoke
        sso:settings sso:save_provider sso:save_policy sso:check_provider sso:remove_provider sso:add_domain
        sso:check_domain sso:remove_domain
    """,
}
"""Who of them has the lowest role that may open an address."""
PROMISED = {name: who for who, names in LOWEST.items() for name in names.split()}
CREDENTIAL: dict[str, object] = {
    "provider": "self_hosted",
    "host": "hub.example.com",
    "username": "deploy",
    "password": "canary-91c2",  # pragma: allowlist secret
    "hold": "pull",
}
READ_BY_POST = {"groups:read"}
"""Pages that change nothing, and are sent by POST so that what was typed is in no address."""
DEEDS: dict[str, dict[str, object]] = {
    "portal:ask": {"message": "How do I sign in?"},
    "portal:stop_sharing": {},
    "portal:conversation_reply": {"message": "Any news?"},
    "portal:conversation_solve": {"was": "new"},
    "portal:conversation_share": {},
    "portal:conversation_unshare": {},
    "portal:invite": {"email": "ned@acme.example", "role": "viewer"},
    "portal:withdraw": {},
    "portal:member_role": {"role": "viewer"},
    "portal:member_remove": {},
    "portal:second_factors": {"required": "yes", "days": "7"},
    "portal:leave": {},
    "portal:api_key_create": {"name": "deploy", "scope": "read", "days": "30"},
    "portal:api_key_rotate": {},
    "portal:api_key_take_over": {},
    "portal:api_key_revoke": {},
    "sso:save_provider": {"issuer": "https://login.example.com", "client_id": "x", "client_secret": "y"},
    "sso:save_policy": {"adds_members": "on", "default_role": "viewer"},
    "sso:check_provider": {},
    "sso:remove_provider": {},
    "sso:add_domain": {"name": "other.example"},
    "sso:check_domain": {},
    "sso:remove_domain": {},
    "portal:notifications": {"ready": "all", "running": "all", "failed": "all", "replay_refused": "all"},
    "portal:add_webhook": {"address": "https://hooks.example.com/other", "kinds": ["group.ready"]},
    "portal:webhook": {"address": "https://hooks.example.com/other", "kinds": ["group.ready"]},
    "portal:webhook_rotate": {},
    "portal:webhook_test": {},
    "portal:webhook_switch": {},
    "portal:webhook_delete": {},
    "portal:webhook_again": {},
    "groups:new": {
        "name": "web",
        "image": "registry.example.com/team/app:1",
        "credential": "",
        "replicas": "1",
        "cpu": "1",
        "memory_mb": "1024",
        "restart_policy": "always",
    },
    "groups:check": {"image": "registry.example.com/team/app:1", "credential": ""},
    "groups:start": {},
    "groups:stop": {},
    "groups:retry": {"use": "none"},
    "groups:delete": {"name": "pending"},
    "groups:scale": {"replicas": "3"},
    "groups:instance_restart": {},
    "groups:instance_recreate": {},
    "groups:instance_reallocate": {},
    "groups:token_revoke": {},
    "registries:new": CREDENTIAL | {"name": "hub"},
    "registries:edit": {"name": "renamed", "host": "registry.example.com"},
    "registries:destroy": {},
    "registries:erase": {},
    "registries:trust_new": {
        "host": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "role_arn": "arn:aws:iam::123456789012:role/pull",
    },
    "registries:trust_edit": {"name": "renamed"},
    "registries:trust_remove": {},
}
"""What changes something: the form that is sent."""
