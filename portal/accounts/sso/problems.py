"""Why a sign-in with a provider ends without one: stable codes, whose move it is, and what to do.

Nothing that a provider sent is repeated: neither its error descriptions nor its claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registries.foundation.refusal import Refusal


class Move(StrEnum):
    """Who can do something about a problem."""

    PERSON = "you"
    OWNER = "an owner of your organization"
    PROVIDER = "whoever runs the identity provider"
    OPERATOR = "the portal's operator"


@dataclass(frozen=True)
class Problem:
    """What happened, and what to do."""

    move: Move
    title: str
    remedy: str


AGAIN = "Start again from the sign-in page."
PROBLEMS = {
    "sso_state": Problem(
        Move.PERSON, "This sign-in did not begin in this browser, or has been used", f"Nothing was signed in. {AGAIN}"
    ),
    "sso_expired": Problem(Move.PERSON, "This sign-in took longer than 10 minutes", AGAIN),
    "sso_invitation": Problem(
        Move.OWNER, "The invitation was used or withdrawn, or has expired", "Ask an owner for another invitation."
    ),
    "sso_staff_factor": Problem(
        Move.PERSON,
        "Operators and support need a second factor here before single sign-on",
        "Sign in with your password and set one up. If you have no password, set one by email first.",
    ),
    "sso_denied": Problem(
        Move.PERSON, "The provider ended the sign-in", f"You may have canceled it, or may not use this app. {AGAIN}"
    ),
    "sso_other_issuer": Problem(
        Move.PROVIDER, "The answer came from another provider", "Don't continue, and report this to your organization."
    ),
    "sso_busy": Problem(Move.OPERATOR, "The sign-in was not completed in time", "Try again in a minute."),
    "sso_host_not_allowed": Problem(
        Move.OWNER,
        "The portal may not connect to one of the provider's hosts",
        "Use public host names with https; an operator can open a private network for identity providers.",
    ),
    "sso_tls_invalid": Problem(
        Move.PROVIDER, "The provider's certificate can't be verified", "Install a certificate of a public authority."
    ),
    "sso_unreachable": Problem(
        Move.PROVIDER,
        "The provider did not answer, or the connection broke off",
        "Try again. If it keeps failing, tell whoever runs it.",
    ),
    "sso_redirects": Problem(
        Move.OWNER, "An address of the provider redirects, which is not followed", "Enter the issuer's final address."
    ),
    "sso_answer_invalid": Problem(
        Move.PROVIDER, "The provider's answer is not valid OpenID Connect", "Check the issuer's address."
    ),
    "sso_answer_too_large": Problem(
        Move.PROVIDER,
        "The provider's answer is too large",
        "Check the issuer: a discovery document, key set or token has only a few KiB.",
    ),
    "sso_discovery_missing": Problem(
        Move.OWNER,
        "There is no discovery document at the issuer",
        "As the issuer, enter the address before /.well-known/openid-configuration.",
    ),
    "sso_discovery_issuer": Problem(
        Move.OWNER,
        "The discovery document names another issuer",
        "Enter the issuer exactly as in the document, with or without a slash at its end.",
    ),
    "sso_discovery_incomplete": Problem(
        Move.PROVIDER,
        "The discovery document lacks what a sign-in needs",
        "It needs an authorization endpoint, a token endpoint, a key set and the response type code.",
    ),
    "sso_endpoint_insecure": Problem(
        Move.PROVIDER, "One of the provider's addresses is not https", "Every endpoint has to begin with https://."
    ),
    "sso_client_refused": Problem(
        Move.OWNER, "The provider did not accept the client", "Check the client ID, its secret and the redirect URI."
    ),
    "sso_code_refused": Problem(
        Move.PERSON, "The provider did not accept its own code", f"It may have expired or been used. {AGAIN}"
    ),
    "sso_token_refused": Problem(
        Move.PROVIDER, "The provider refused to issue a token", "Its log says why; check the client's settings there."
    ),
    "sso_token_missing": Problem(
        Move.PROVIDER, "The provider sent no ID token", "Allow the scope openid for this client."
    ),
    "sso_token_invalid": Problem(
        Move.PROVIDER, "The ID token can't be read", "It has to be a signed JWT of at most 32 KiB."
    ),
    "sso_algorithm": Problem(
        Move.PROVIDER,
        "The ID token is signed with an algorithm that is not accepted",
        "Use RS256, PS256 or ES256, or their longer forms. Unsigned tokens and shared secrets are not accepted.",
    ),
    "sso_key_unknown": Problem(
        Move.PROVIDER,
        "The key set has no key that fits the ID token",
        "Publish the key with its kid; RSA has 2048 bits.",
    ),
    "sso_signature": Problem(
        Move.PROVIDER,
        "The ID token's signature is wrong",
        "Somebody else may have sent it. If it happens again, report it.",
    ),
    "sso_issuer": Problem(
        Move.PROVIDER, "The ID token is from another issuer", "Its iss has to be the issuer in the settings here."
    ),
    "sso_audience": Problem(
        Move.PROVIDER,
        "The ID token is for another client",
        "Its aud has to be, and its azp may only be, this client ID.",
    ),
    "sso_nonce": Problem(
        Move.PROVIDER, "The ID token belongs to another sign-in", "It has to repeat the nonce of the request."
    ),
    "sso_token_expired": Problem(
        Move.PROVIDER, "The ID token is not valid now", "Check the provider's clock: exp, iat and nbf are compared."
    ),
    "sso_claims": Problem(
        Move.PROVIDER, "The ID token lacks a claim that it needs", "It needs iss, sub, aud, exp, iat and nonce."
    ),
    "sso_userinfo_other": Problem(
        Move.PROVIDER, "The provider's user information is about somebody else", "Its sub has to be the ID token's."
    ),
    "sso_not_fresh": Problem(
        Move.PROVIDER,
        "The provider did not ask you to sign in again",
        "It has to honor max_age and send auth_time. Sign out and in again.",
    ),
    "sso_requirement": Problem(
        Move.OWNER,
        "Your account at the provider lacks what this organization requires",
        "Ask for the group or claim that the organization requires.",
    ),
    "sso_email_missing": Problem(
        Move.PROVIDER, "The provider did not send your email address", "Allow the scope email for this client."
    ),
    "sso_email_unverified": Problem(
        Move.PROVIDER, "The provider has not verified your email address", "Verify it there, then sign in again."
    ),
    "sso_domain": Problem(
        Move.OWNER,
        "Your email address belongs to no verified domain of the organization",
        "Ask an owner to add and verify the domain in the settings of single sign-on.",
    ),
    "sso_no_account": Problem(
        Move.OWNER, "There is no account with your address here", "Ask an owner of your organization to invite you."
    ),
    "sso_not_member": Problem(
        Move.OWNER, "You are not a member of the organization", "Ask an owner of the organization to invite you."
    ),
    "sso_organization_suspended": Problem(
        Move.OWNER, "The organization is suspended, so nobody can join", "An owner can ask support about it."
    ),
    "sso_staff": Problem(
        Move.PERSON,
        "Operators and support don't sign in with an organization's provider",
        "Sign in with your password and second factor.",
    ),
    "sso_other_account": Problem(
        Move.PERSON,
        "Your account can't be connected automatically",
        "It belongs to another organization too. Sign in the way you do there, or set a password, then connect it.",
    ),
    "sso_connected_elsewhere": Problem(
        Move.PERSON,
        "Another account at this provider is connected with your account",
        "Disconnect it under Connected sign-ins first, or use that account.",
    ),
    "sso_account": Problem(
        Move.OPERATOR, "This account is deactivated or was changed outside the portal", "Ask an operator."
    ),
    "sso_identity_altered": Problem(
        Move.OPERATOR, "The connection to the provider was changed outside the portal", "Ask an operator."
    ),
    "sso_settings_altered": Problem(
        Move.OPERATOR,
        "The settings of single sign-on were changed outside the portal",
        "An owner enters the provider and its secret again; an operator should find out who changed them.",
    ),
    "sso_logout_token": Problem(
        Move.PROVIDER, "The logout token is invalid", "See OpenID Connect Back-Channel Logout, section 2.6."
    ),
    "sso_internal": Problem(Move.OPERATOR, "The sign-in failed for a reason that we have not classified", "Try again."),
}


def problem_of(code: str) -> Problem:
    """Return the problem of a code, stored or raised."""
    return PROBLEMS.get(code) or PROBLEMS["sso_internal"]


class SignInFailed(Refusal):
    """A sign-in ends with the problem of this code."""

    title = "The sign-in failed"
    status = 400

    def __init__(self, code: str) -> None:
        problem = problem_of(code)
        super().__init__(f"{problem.title}. {problem.remedy}", code=code)
