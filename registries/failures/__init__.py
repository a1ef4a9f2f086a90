"""Failures of a pull, each a class with a stable code.

A failure is stored as `code` and `params`. Its text is rendered from the class, so it can improve without changing
stored rows. These are the failures caused by registries; `groups.failures` adds those of storing and limits.
`registries.oci` decides which response means which failure, and `groups.ingest` what happens next.
"""

from __future__ import annotations

from registries.failures.base import (
    FAILURES,
    MAX_RAW_LENGTH,
    Fault,
    PullFailed,
    RegistryResponse,
    Words,
    describe,
    printable,
)
from registries.failures.connections import (
    HostNotAllowed,
    HostUnknown,
    RateLimited,
    RegistryUnreachable,
    ResolverFailed,
    TlsInvalid,
)
from registries.failures.credentials import (
    ABOUT_CREDENTIALS,
    AccessDenied,
    AuthenticationFailed,
    CredentialExpired,
    CredentialMalformed,
    CredentialTampered,
    TrustRefused,
)
from registries.failures.images import (
    DigestMismatch,
    ImageNotFound,
    PlatformMissing,
    RegistryRefuses,
    UnsupportedManifest,
)
from registries.failures.portal import Interrupted, Unexpected
from registries.failures.services import Service, Where, registry_itself, where_met

__all__ = [
    "ABOUT_CREDENTIALS",
    "FAILURES",
    "MAX_RAW_LENGTH",
    "AccessDenied",
    "AuthenticationFailed",
    "CredentialExpired",
    "CredentialMalformed",
    "CredentialTampered",
    "DigestMismatch",
    "Fault",
    "HostNotAllowed",
    "HostUnknown",
    "ImageNotFound",
    "Interrupted",
    "PlatformMissing",
    "PullFailed",
    "RateLimited",
    "RegistryRefuses",
    "RegistryResponse",
    "RegistryUnreachable",
    "ResolverFailed",
    "Service",
    "TlsInvalid",
    "TrustRefused",
    "Unexpected",
    "UnsupportedManifest",
    "Where",
    "Words",
    "describe",
    "printable",
    "registry_itself",
    "where_met",
]
