"""People and the organizations they belong to."""

from portal.models.activity import Activity, ActivityHead, ActivityText
from portal.models.address_change import AddressChange
from portal.models.api_key import ApiKey
from portal.models.browser_session import BrowserSession
from portal.models.invitation import Invitation
from portal.models.notification import EmailChoice, Notice, Webhook
from portal.models.organization import Membership, Organization, Project, Role
from portal.models.password_mail import PasswordMail
from portal.models.password_reset import PasswordReset
from portal.models.refused_sign_in import RefusedSignIn
from portal.models.sign_in_limit import SignInLimit
from portal.models.single_sign_on import (
    PORTAL_PROVIDER,
    LinkedIdentity,
    ProviderLogout,
    ProviderSession,
    SsoProvider,
    SsoSignIn,
    VerifiedDomain,
)
from portal.models.support import (
    FailureCase,
    SupportCase,
    SupportLook,
    SupportMessage,
    SupportReader,
    SupportRequest,
)
from portal.models.user import AddressProof, User

__all__ = [
    "PORTAL_PROVIDER",
    "Activity",
    "ActivityHead",
    "ActivityText",
    "AddressChange",
    "AddressProof",
    "ApiKey",
    "BrowserSession",
    "EmailChoice",
    "FailureCase",
    "Invitation",
    "LinkedIdentity",
    "Membership",
    "Notice",
    "Organization",
    "PasswordMail",
    "PasswordReset",
    "Project",
    "ProviderLogout",
    "ProviderSession",
    "RefusedSignIn",
    "Role",
    "SignInLimit",
    "SsoProvider",
    "SsoSignIn",
    "SupportCase",
    "SupportLook",
    "SupportMessage",
    "SupportReader",
    "SupportRequest",
    "User",
    "VerifiedDomain",
    "Webhook",
]
