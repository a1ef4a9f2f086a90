"""The rows of registries: credentials, trusts, and hosts that have spoken TLS."""

from registries.models.credentials import ERASED_NAME, MAX_NAME_LENGTH, Credential, CredentialQuerySet
from registries.models.tls_hosts import TlsHost
from registries.models.trusts import Trust, TrustQuerySet, TrustUse

__all__ = [
    "ERASED_NAME",
    "MAX_NAME_LENGTH",
    "Credential",
    "CredentialQuerySet",
    "TlsHost",
    "Trust",
    "TrustQuerySet",
    "TrustUse",
]
