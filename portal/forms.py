"""What people write to support."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class SupportForm(forms.Form):
    """A question, about a failure or not, or the wish for a kind of registry."""

    not_done = "Not sent yet"

    registry = forms.CharField(
        label="Which registry?", max_length=255, help_text="Its name or address, such as Harbor at hub.example.com."
    )
    message = forms.CharField(
        label="Message",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What you tried and what you expected. Leave passwords and tokens out: support never needs them.",
    )

    def __init__(self, *args: Any, wants_registry: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if wants_registry:
            self.fields["message"].required = False
            self.fields["message"].help_text = "How you sign in there, if you know."
        else:
            del self.fields["registry"]

    def clean_registry(self) -> str:
        registry: str = self.cleaned_data["registry"]
        if not registry.isprintable():
            raise ValidationError("Remove line breaks and invisible characters.")
        return registry
