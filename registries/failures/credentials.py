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
        "page": Words(
            "{Part} turned us away with a web page",
            "{Who} refused {repository} with a web page and not as a registry does. Such pages are from a proxy or "
            "firewall in front of it: it may not let the portal's address through, or this account.",
            "Ask whoever runs {place} to let the portal through to the registry. The credentials may be right.",
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
