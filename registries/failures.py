"""Failures of a pull, each a class with a stable code.

A failure is stored as `code` and `params`. Its text is rendered from the class, so it can improve without changing
stored rows. These are the failures caused by registries; `groups.failures` adds those of storing and limits.
`registries.oci` decides which response means which failure, and `groups.ingest` what happens next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

MAX_RAW_LENGTH = 80


class Fault(StrEnum):
    """Who can fix it."""

    CUSTOMER = "customer"
    REGISTRY = "registry"
    US = "us"


@dataclass(frozen=True)
class Words:
    """What a person reads: a title, what happened, and what to do next."""

    title: str
    text: str
    remedy: str


@dataclass(frozen=True)
class RegistryResponse:
    """The registry's response, which `registries.providers` may interpret differently. Never stored or logged.

    `stage` is one of `oci.errors.Stage`. `code` and `message` are from the error body; the message is in lower case and
    untrusted. `login` says whether credentials were sent.
    """

    stage: str
    status: int
    code: str = ""
    message: str = field(default="", repr=False)
    login: bool = False
    host: str = ""
    repository: str = ""
    version: str = ""


class PullFailed(Exception):
    """Base of all failures of a pull.

    `cases` has other texts for values of the parameter `case`. `params` fill the placeholders; they are stored and
    shown, so they never contain a secret, a remote body, a header or a resolved address. `raw` is the registry's status
    and code (such as `401 UNAUTHORIZED`), for support. `retry_after` is in seconds, if the registry named one.
    """

    code: ClassVar[str]
    fault: ClassVar[Fault]
    retryable: ClassVar[bool] = False
    title: ClassVar[str]
    text: ClassVar[str]
    remedy: ClassVar[str]
    cases: ClassVar[dict[str, Words]] = {}
    response: RegistryResponse | None = None

    def __init__(self, *, raw: str = "", retry_after: float | None = None, **params: str | int) -> None:
        super().__init__(self.code)
        self.raw = printable(raw)
        self.retry_after = retry_after
        self.params: dict[str, str | int] = {
            name: printable(value) if isinstance(value, str) else value for name, value in params.items()
        }

    @property
    def words(self) -> Words:
        """The texts that people read."""
        return describe(self.code, self.params)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.code in FAILURES:
            raise TypeError(f"two failures with the code {cls.code}")
        FAILURES[cls.code] = cls


FAILURES: dict[str, type[PullFailed]] = {}


class _Blank(dict[str, object]):
    """Values with an ellipsis for each placeholder that an older row has no value for."""

    def __missing__(self, key: str) -> str:
        return "…"


def describe(code: str, params: Mapping[str, object]) -> Words:
    """Return the texts of a stored failure. A code that no longer exists is shown as `unexpected`."""
    failure = FAILURES.get(code, Unexpected)
    plain = Words(failure.title, failure.text, failure.remedy)
    words = failure.cases.get(str(params.get("case")), plain)
    values = _Blank(params)
    return Words(words.title, words.text.format_map(values), words.remedy.format_map(values))


def printable(text: str, limit: int = MAX_RAW_LENGTH) -> str:
    """Return remote text that is safe to log and show: one line of at most `limit` characters, all printable."""
    flat = re.sub(r"\s+", " ", text).strip()
    kept = "".join(character for character in flat if character.isprintable())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


class AuthenticationFailed(PullFailed):
    code = "authentication_failed"
    fault = Fault.CUSTOMER
    title = "The registry did not accept the credentials"
    text = "{host} refused the user name and secret that were given for this image."
    remedy = "Check the user name and the secret, that the secret has not expired, and try again with a new one."
    cases: ClassVar[dict[str, Words]] = {
        "none_given": Words(
            "The registry asks for credentials",
            "{host} shows this image to nobody without a user name and secret, and none were given.",
            "Add a credential for {host}, and try again with it.",
        )
    }


class AccessDenied(PullFailed):
    code = "access_denied"
    fault = Fault.CUSTOMER
    title = "The credentials may not read this repository"
    text = "{host} did not let these credentials pull {repository}, or there is no such repository."
    remedy = "Check the spelling of the repository, and give the account permission to pull from it."


class ImageNotFound(PullFailed):
    code = "image_not_found"
    fault = Fault.CUSTOMER
    title = "There is no such image"
    text = "{host} has no image {repository} with the tag or digest {version}."
    remedy = (
        "Check the name and the tag, and that the image has been pushed. Some registries also answer this "
        "when the credentials may not see the repository."
    )


class PlatformMissing(PullFailed):
    code = "platform_missing"
    fault = Fault.CUSTOMER
    title = "The image is not built for our nodes"
    text = "Nodes run {platform}; this image offers {offered}."
    remedy = "Build and push the image for {platform} (docker buildx build --platform {platform}), then try again."


class UnsupportedManifest(PullFailed):
    code = "unsupported_manifest"
    fault = Fault.CUSTOMER
    title = "This is not an image that can be run"
    text = "The manifest can't be used: {reason}."
    remedy = "Push the image again with a current docker, podman or buildx, and try again."


class DigestMismatch(PullFailed):
    code = "digest_mismatch"
    fault = Fault.REGISTRY
    retryable = True
    title = "The downloaded data does not match its digest"
    text = "The bytes of {what} don't match their digest or size. Nothing of them was kept."
    remedy = "Try again. If it stays so, push the image again, or tell the registry's operator."


class RateLimited(PullFailed):
    code = "rate_limited"
    fault = Fault.REGISTRY
    retryable = True
    title = "The registry asks us to slow down"
    text = "{host} limits how often images may be pulled, and the limit is reached."
    remedy = "Wait a while and try again, or use credentials with a higher limit."


class RegistryUnreachable(PullFailed):
    code = "registry_unreachable"
    fault = Fault.REGISTRY
    retryable = True
    title = "The registry can't be reached"
    text = "{host} did not answer, or broke off: {reason}."
    remedy = "Check the host name and port, and that the registry can be reached from the internet. Then try again."
    cases: ClassVar[dict[str, Words]] = {
        "slow": Words(
            "The registry sends too slowly",
            "{host} sends slower than {rate} per second, the least for an image of {size}. The larger an image is, the "
            "faster it has to arrive.",
            "Use a registry with a faster connection, or make the image smaller. Layers that have arrived are kept for "
            "the next attempt.",
        )
    }


class TlsInvalid(PullFailed):
    code = "tls_invalid"
    fault = Fault.CUSTOMER
    title = "The registry's certificate can't be trusted"
    text = "{host} showed a certificate that is expired, self-signed, or made out to another name."
    remedy = (
        "If a private authority issued it, enter that authority's certificate (PEM) with the credential, or ask the "
        "portal's operator to trust it. An expired certificate, or one for another name, must be replaced."
    )
    cases: ClassVar[dict[str, Words]] = {
        "downgraded": Words(
            "The registry no longer speaks TLS",
            "{host} has spoken TLS before and doesn't now. Nothing was sent to it unencrypted.",
            "Somebody may be intercepting the connection: ask the registry's operator. If TLS was switched off on "
            "purpose, switch it on again, or ask the portal's operator to forget that it was there.",
        )
    }


class HostNotAllowed(PullFailed):
    code = "host_not_allowed"
    fault = Fault.CUSTOMER
    title = "The registry's address can't be used"
    text = "{host} has no address on the public internet that the portal may connect to."
    remedy = "Use the registry's public host name, and check its spelling. An operator can open a private network."
    cases: ClassVar[dict[str, Words]] = {
        "realm": Words(
            "The registry sends us elsewhere to sign in",
            "{host} wants the credentials shown to another host, which is not known to belong to it.",
            "Ask the registry's operator to serve tokens from its own host name, or ask support.",
        ),
        "plain": Words(
            "The registry doesn't encrypt",
            "{host} doesn't speak TLS, so the credentials were not sent to it.",
            "Serve the registry over TLS, or ask the portal's operator to open its network for unencrypted HTTP. A "
            "public image can be pulled without credentials.",
        ),
    }


class CredentialMalformed(PullFailed):
    code = "credential_malformed"
    fault = Fault.CUSTOMER
    title = "The credentials can't be used as they are"
    text = "The credentials don't have the form that {host} needs: {reason}."
    remedy = "Enter them again, exactly as the registry shows them."


class CredentialExpired(PullFailed):
    code = "credential_expired"
    fault = Fault.CUSTOMER
    title = "The credentials have expired"
    text = (
        "When they were needed the credentials' own time was over, or they had been destroyed here already: they are "
        "kept only for a limited time."
    )
    remedy = "Enter current ones, and try again."


class CredentialTampered(PullFailed):
    code = "credential_tampered"
    fault = Fault.US
    title = "The credential was not used, because its record had been changed"
    text = (
        "The portal's database says something else about this credential, or about this pull, than what was sealed "
        "when the credential was entered. It was sent to no one."
    )
    remedy = "Enter the credential again, and tell support: somebody may have changed the portal's database."


class Interrupted(PullFailed):
    code = "interrupted"
    fault = Fault.US
    retryable = True
    title = "The pull was interrupted"
    text = "Our worker stopped in the middle of the pull."
    remedy = "Try again. If it stays so, ask support."


class Unexpected(PullFailed):
    code = "unexpected"
    fault = Fault.US
    title = "Something went wrong that we did not foresee"
    text = "The pull failed for a reason we have not classified."
    remedy = "Try again. If it stays so, ask support: they see the details of this failure."


ABOUT_CREDENTIALS = (AuthenticationFailed, AccessDenied, CredentialExpired, CredentialMalformed, CredentialTampered)
"""Failures that another credential, or none, may fix."""
