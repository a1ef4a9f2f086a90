"""People and the organizations they belong to."""

from portal.models.activity import Activity
from portal.models.api_key import ApiKey
from portal.models.invitation import Invitation
from portal.models.organization import Membership, Organization, Project, Role
from portal.models.support import SupportRequest
from portal.models.user import User

__all__ = [
    "Activity",
    "ApiKey",
    "Invitation",
    "Membership",
    "Organization",
    "Project",
    "Role",
    "SupportRequest",
    "User",
]
