"""The form that changes the name of a credential, and the host that its secret was entered for.

A secret is never kept for another host: `registries.actions.replace_host` destroys it.
"""

from __future__ import annotations

from collections.abc import Mapping

from registries.forms.fields import HostField, NameField
from registries.foundation.guarded_forms import KEEP, GuardedForm, keep_field
from registries.models import Credential
from registries.providers import PROVIDERS


class CredentialEditForm(GuardedForm):
    """`host` can be changed while the secret is held, unless the kind of registry has only one host."""

    word_fields = frozenset({"host"})
    exact_fields = frozenset({"host"})
    name_fields = frozenset({"name"})
    advice = {
        "name": "lists show this name, so enter one that everybody may read",
        "host": "enter only the registry's host name",
    }

    def __init__(self, data: Mapping[str, object] | None = None, *, credential: Credential) -> None:
        self.credential = credential
        super().__init__(data, initial={"name": credential.name, "host": credential.host})
        self.fields = {"name": NameField(required=True, help_text="How you find it again in lists.")}
        self.fields[KEEP] = keep_field()
        kind = PROVIDERS.get(credential.provider)
        if credential.is_held and kind is not None and not kind.host:
            self.fields["host"] = HostField(
                help_text="The secret was entered for this host and is shown to no other: changing it destroys the "
                "secret at once, and asks you for it again. A pull that still needs it fails."
            )

    @property
    def new_host(self) -> str:
        """The host that the credential will be for; empty if it does not change."""
        host = str(self.cleaned_data.get("host", ""))
        return host if host != self.credential.host else ""
