"""People and the organizations they belong to."""

from portal.models.activity import Activity, ActivityHead, ActivityText
from portal.models.api_key import ApiKey
from portal.models.invitation import Invitation
from portal.models.notification import EmailChoice, Notice, Webhook
from portal.models.organization import Membership, Organization, Project, Role
from portal.models.support import SupportLook, SupportMessage, SupportReader, SupportRequest
from portal.models.user import User

__all__ = [
    "Activity",
    "ActivityHead",
    "ActivityText",
    "ApiKey",
    "EmailChoice",
    "Invitation",
    "Membership",
    "Notice",
    "Organization",
    "Project",
    "Role",
    "SupportLook",
    "SupportMessage",
    "SupportReader",
    "SupportRequest",
    "User",
    "Webhook",
]
