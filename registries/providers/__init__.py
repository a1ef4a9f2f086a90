"""The kinds of registry that are offered, one declarative file each."""

from registries.providers.base import Field, Provider
from registries.providers.self_hosted import SELF_HOSTED

PROVIDERS: dict[str, Provider] = {provider.kind: provider for provider in (SELF_HOSTED,)}

__all__ = ["PROVIDERS", "Field", "Provider"]
