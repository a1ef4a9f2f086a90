"""People, organizations and support requests in the admin, the audit log, and what other packages put there."""

from portal.admin import audit, organizations, people, sign_in_limits, single_sign_on, support, third_party

__all__ = ["audit", "organizations", "people", "sign_in_limits", "single_sign_on", "support", "third_party"]
