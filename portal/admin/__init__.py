"""People, organizations and support requests in the admin, and what other packages put there."""

from portal.admin import organizations, people, support, vendors

__all__ = ["organizations", "people", "support", "vendors"]
