"""Failures that another credential, or none, may fix."""

from __future__ import annotations

from typing import ClassVar

from registries.failures.base import Fault, PullFailed, Words


class AuthenticationFailed(PullFailed):
    code = "authentication_failed"
    fault = Fault.CUSTOMER
    keeps_credential = False
    title = "{Part} did not accept the credentials"
    text = "{Who} refused the user name and secret that were given for this image."
    remedy = "Check the user name and the secret, that the secret has not expired, and try again with a new one."
    cases: ClassVar[dict[str, Words]] = {
        "none_given": Words(
            "The registry asks for credentials",
            "{host} doesn't show this image without a user name and secret, and none were entered.",
            "Enter a credential for {host}, and try again.",
        ),
    }


class AccessDenied(PullFailed):
    code = "access_denied"
    fault = Fault.CUSTOMER
    title = "The credentials may not read this repository"
    text = "{Who} did not let these credentials pull {repository}, or there is no such repository."
    remedy = "Check the spelling of the repository, and give the account permission to pull from it."
    cases: ClassVar[dict[str, Words]] = {
        "none_given": Words(
            "The registry doesn't show this image without credentials",
            "{Who} did not let us pull {repository} without credentials, or there is no such repository.",
            "Check the spelling of the repository. If it is private, add a credential for {host}, and try again with "
            "it.",
        ),
        "unasked": Words(
            "The registry doesn't say how to sign in",
            "{Who} asks for credentials {reason}. They were not sent.",
            "Ask the registry's operator: with 401 it has to offer Basic or Bearer in the header WWW-Authenticate, "
            "which a proxy in front of it may drop.",
        ),
        "trust": Words(
            "The trust doesn't give access to this repository",
            "{Who} accepted the sign-in by the trust, but not the pull of {repository}, or there is no such "
            "repository.",
            "Check the spelling of the repository, and let what the trust names pull from it.",
        ),
        "page": Words(
            "{Part} turned us away with a web page",
            "{Who} refused {repository} with a web page and not as a registry does. Such pages are from a proxy or "
            "firewall in front of it: it may not let the portal's address through, or this account.",
            "Ask whoever runs {place} to let the portal through to the registry. The credentials may be right.",
        ),
    }


class TrustRefused(PullFailed):
    """`cases` say which part is wrong. `issuer`, `subject` and `audience` are those of the token."""

    code = "trust_refused"
    fault = Fault.CUSTOMER
    title = "The trust was refused"
    text = "{Cloud} did not exchange the portal's token for a login."
    remedy = "Compare issuer, subject and audience on the trust's page with what is set up there."
    cases: ClassVar[dict[str, Words]] = {
        "issuer": Words(
            "{Cloud} doesn't know the issuer",
            "{Cloud} has no identity provider for the issuer {issuer}.",
            "Add the issuer there exactly as the trust's page shows it, or correct it.",
        ),
        "audience": Words(
            "{Cloud} expects another audience",
            "The token is for the audience {audience}, which {cloud} doesn't accept.",
            "Set that audience there, as the trust's page shows it.",
        ),
        "subject": Words(
            "{Cloud} doesn't let this project in",
            "No rule there accepts the subject {subject}, or what the trust names doesn't exist.",
            "Check the trust's settings, and allow this subject there as the trust's page shows it.",
        ),
        "role": Words(
            "{Cloud} doesn't know what the trust names",
            "{Cloud} found no such {setting}.",
            "Correct the setting on a new trust, or create it there.",
        ),
        "account": Words(
            "The service account may not be used",
            "Google accepted the token, but did not let it act as the service account.",
            "Give the subject the role Workload Identity User (roles/iam.workloadIdentityUser) on the service account.",
        ),
        "key": Words(
            "{Cloud} doesn't know the portal's key yet",
            "The token's signature was refused: {cloud} still has the portal's earlier keys.",
            "Clouds fetch the portal's keys again within a day. To have that done at once, remove the issuer there and "
            "add it again.",
        ),
        "keys": Words(
            "{Cloud} can't fetch the portal's keys",
            "{Cloud} got no keys from {issuer}.",
            "The portal's operator has to make that address reachable from the internet, with a certificate of a "
            "public authority. Tell support.",
        ),
        "time": Words(
            "{Cloud} says that the token isn't valid now",
            "The portal's tokens are valid for five minutes. The clocks of the portal and of {cloud} differ.",
            "Tell support: the portal's operator has to check its clocks.",
        ),
        "policy": Words(
            "A policy of {cloud} refuses the portal",
            "{Cloud} accepted the token, and a policy of your organization there refused the sign-in.",
            "Ask whoever manages its policies, such as Conditional Access, to let this identity sign in.",
        ),
        "region": Words(
            "AWS STS is off in this region",
            "The region of the registry has to be active for AWS STS in the role's account.",
            "Activate it in the AWS console: IAM, Account settings, Security Token Service.",
        ),
        "unsupported": Words(
            "This registry has no keyless sign-in",
            "{Who} doesn't know the address at which Quay exchanges tokens.",
            "Update Quay to a version with keyless robot accounts, or use a credential.",
        ),
        "login": Words(
            "The registry refused the login that its cloud gave",
            "{Cloud} exchanged the token, and {who} refused the login that came of it.",
            "Try again in some minutes. If it stays so, check that the trust and the registry belong together.",
        ),
        "removed": Words(
            "The trust was removed",
            "The trust that this image was to be pulled with doesn't exist any more.",
            "Add a trust or a credential for {host}, and try again.",
        ),
        "altered": Words(
            "The trust was not used, because its record had been changed",
            "The portal's database says something else about this trust, or about your organization, than what was "
            "entered. No token was made.",
            "Remove the trust and add it again, and tell support: somebody may have changed the portal's database.",
        ),
        "suspended": Words(
            "No token is made for a suspended organization",
            "The organization is suspended.",
            "Ask support what to do.",
        ),
        "https": Words(
            "The portal can't be trusted without https",
            "The portal's public address isn't https, so no cloud can read its keys. No token was made.",
            "The portal's operator has to set PORTAL_PUBLIC_URL to an https address. Tell support.",
        ),
    }


class CredentialMalformed(PullFailed):
    code = "credential_malformed"
    fault = Fault.CUSTOMER
    keeps_credential = False
    title = "The credentials can't be used as they are"
    text = "The credentials don't have the form that {host} needs: {reason}."
    remedy = "Enter them again, exactly as the registry shows them."


class CredentialExpired(PullFailed):
    code = "credential_expired"
    fault = Fault.CUSTOMER
    keeps_credential = False
    title = "The credentials have expired"
    text = (
        "When they were needed the credentials' own time was over, or they had been destroyed here already: they are "
        "kept only for a limited time."
    )
    remedy = "Enter current ones, and try again."


class CredentialTampered(PullFailed):
    code = "credential_tampered"
    fault = Fault.US
    keeps_credential = False
    title = "The credential was not used, because its record had been changed"
    text = (
        "The portal's database says something else about this credential, or about this pull, than what was sealed "
        "when the credential was entered. It was sent to no one."
    )
    remedy = "Enter the credential again, and tell support: somebody may have changed the portal's database."


ABOUT_CREDENTIALS = (AuthenticationFailed, AccessDenied, CredentialExpired, CredentialMalformed, CredentialTampered)
"""Failures that another credential, or none, may fix."""
