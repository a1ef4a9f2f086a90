"""The form that changes the name of a credential, and the host that its secret was entered for.

A secret is never kept for another host: `registries.actions.replace_host` destroys it.
"""

from __future__ import annotations

from collections.abc import Mapping

from registries.forms.fields import HostField, NameField
from registries.forms.paste import is_login_text
from registries.foundation.guarded_forms import KEEP, GuardedForm, keep_field
from registries.foundation.secret_shapes import Secret
from registries.models import Credential
from registries.providers import PROVIDERS

_LOGIN = "a whole login"


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

    def find_secret(self, name: str, text: str, *, likely: bool) -> Secret | None:
        if is_login_text(text):
            return Secret(_LOGIN, 0, len(text), is_certain=True)
        return super().find_secret(name, text, likely=likely)

    def message_for(self, name: str, secret: Secret) -> str:
        """Return the error for a field that held a secret. A secret is not changed here."""
        if secret.kind == _LOGIN:
            return "This is a whole login, which was not kept. Add it as another credential: see above."
        return super().message_for(name, secret)

    @property
    def new_host(self) -> str:
        """The host that the credential will be for; empty if it does not change."""
        host = str(self.cleaned_data.get("host", ""))
        return host if host != self.credential.host else ""
