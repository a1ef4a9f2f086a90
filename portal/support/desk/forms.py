"""What support writes on a case. Each form names the state it was filled in for, so that two
people who write at once don't overwrite each other."""

from __future__ import annotations

from django import forms

from portal.models import SupportCase
from registries.foundation.guarded_forms import GuardedForm

State = SupportCase.State
REMOVED = "it was removed from the text, which you can save now"


class StateForm(forms.Form):
    """A move to another state."""

    was = forms.ChoiceField(choices=State.choices)
    to = forms.ChoiceField(choices=[choice for choice in State.choices if choice[0] != State.NEW])


class NoteForm(GuardedForm):
    """The note that only support reads."""

    advice = {"note": REMOVED}

    note = forms.CharField(
        max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text="Only support reads this."
    )
    was = forms.CharField(max_length=16, widget=forms.HiddenInput)


class AnswerForm(GuardedForm):
    """The answer that the member reads, and the state that follows. `was` is the last message that it answers."""

    advice = {"answer": REMOVED}

    answer = forms.CharField(
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="The member reads this on the page, and by mail where the portal sends any.",
    )
    was = forms.CharField(max_length=20, required=False, widget=forms.HiddenInput)
    to = forms.ChoiceField(
        label="Afterwards it is",
        choices=[
            (State.SOLVED, "Solved"),
            (State.WAITING, "Waiting for the member"),
            (State.SEEN, "Still with support"),
        ],
        widget=forms.RadioSelect,
        initial=State.SOLVED,
    )
