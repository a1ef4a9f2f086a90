"""The kinds of registry that images can be pulled from without a secret."""

from __future__ import annotations

from registries.providers.acr_trust import ACR_TRUST
from registries.providers.checks import Unusable
from registries.providers.ecr_trust import ECR_TRUST
from registries.providers.google_trust import GOOGLE_TRUST
from registries.providers.quay_trust import QUAY_TRUST
from registries.providers.trusts import TrustKind

TRUST_KINDS: dict[str, TrustKind] = {
    kind.provider.kind: kind for kind in (ECR_TRUST, GOOGLE_TRUST, ACR_TRUST, QUAY_TRUST)
}
"""By the kind of their provider, in the order in which they are offered."""

__all__ = ["TRUST_KINDS", "TrustKind", "Unusable", "trust_kind_of"]


def trust_kind_of(host: str) -> TrustKind | None:
    """Return the kind whose hosts have a name like `host[:port]`; None if there is none. A Quay of one's own has any
    name, so it is never returned for that."""
    plain = host.lower().removesuffix(":443") if host.isascii() else ""
    return next((kind for kind in TRUST_KINDS.values() if kind.provider.recognises(plain)), None)
