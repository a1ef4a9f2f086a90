"""A credential typed beside the image that it is for: the fields of that registry, sealed with the group or check."""

from __future__ import annotations

from typing import Any

from registries.credential_rows import NewCredential, store_credential
from registries.forms import ProviderValuesForm
from registries.models import Credential
from registries.providers.recognise import recognise

NEW = "new"
"""The choice of a credential that is typed here and now."""


class TypedCredentialForm(ProviderValuesForm):
    """What the registry of an image asks for. It is held for that one pull."""

    prefix = "new"

    def __init__(self, data: Any = None, files: Any = None, *, registry: str, **options: Any) -> None:
        super().__init__(data, files, provider=recognise(registry), **options)
        self.registry = registry
        self.order_fields([*(each.name for each in self.provider.fields), "ca", "keep"])

    def clean(self) -> dict[str, Any]:
        self.check_values(self.registry)
        return self.cleaned_data

    def add(self, *, organization_id: Any, created_by_id: Any) -> Credential:
        """Seal and store it. The form must be valid."""
        new = NewCredential(
            provider=self.provider.kind,
            name=self.made_name(self.registry),
            host=self.registry,
            values=self.values(),
            ca=self.authorities,
        )
        return store_credential(new, organization_id=organization_id, created_by_id=created_by_id)
