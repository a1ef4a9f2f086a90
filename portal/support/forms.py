"""What members write to support."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from registries.foundation.guarded_forms import GuardedForm
from registries.foundation.printable import validate_printable

ADVICE = "support never needs it. It was removed from the message, which you can send now"


class SupportForm(GuardedForm):
    """A question, about a failure or not, or a request for a kind of registry. About a failure it asks what support
    may see; neither answer is preselected."""

    not_done = "Not sent yet"
    advice = {"registry": "enter only the registry's name or address", "message": ADVICE}

    registry = forms.CharField(
        label="Which registry?",
        max_length=255,
        validators=[validate_printable],
        help_text="Its name or address, such as Harbor at hub.example.com.",
    )
    message = forms.CharField(
        label="Message",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What you tried and what you expected. Leave passwords and tokens out: support never needs them.",
    )

    shares = forms.TypedChoiceField(
        label="How much of this failure may support see?",
        choices=[
            (
                "all",
                "All of it: names of group, image and host, each step in full, the registry's own error code",
            ),
            ("little", "Only what happened: the code, which step, the kind of registry, and the times"),
        ],
        coerce=lambda choice: choice == "all",
        widget=forms.RadioSelect,
        help_text="You can take it back at any time. Neither includes secrets or environment values.",
        error_messages={"required": "Choose what support may see."},
    )

    def __init__(
        self, data: Mapping[str, object] | None = None, *, wants_registry: bool, about_failure: bool = False
    ) -> None:
        super().__init__(data)
        if not about_failure:
            del self.fields["shares"]
        if wants_registry:
            self.fields["message"].required = False
            self.fields["message"].help_text = "How you sign in there, if you know."
        else:
            del self.fields["registry"]


class ReplyForm(GuardedForm):
    """Another message in a conversation with support."""

    not_done = "Not sent yet"
    advice = {"message": ADVICE}

    message = forms.CharField(
        label="Your reply",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Leave passwords and tokens out: support never needs them.",
        error_messages={"required": "Write something first."},
    )
