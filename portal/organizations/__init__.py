"""Organizations: members, roles, invitations, API keys."""
