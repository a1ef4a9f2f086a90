"""`manage.py confirm_account`, and Django's `changepassword` of an account that was changed outside the portal."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.models import User


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("confirm_account", *arguments, stdout=out)
    return out.getvalue()


def test_it_says_what_it_confirms(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_superuser=True)
    with pytest.raises(CommandError, match="Find out who"):
        call_command("changepassword", bob.email, stdout=StringIO())
    said = run(bob.email.upper(), "--noinput")
    assert "bob@acme.example: operator, may sign in" in said
    assert "manage.py changepassword bob@acme.example" in said
    bob.refresh_from_db()
    assert bob.is_unaltered
    assert "Nobody changed" in run(bob.email, "--noinput")


def test_it_asks_first(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was changed"):
        run(bob.email)
    bob.refresh_from_db()
    assert not bob.is_unaltered
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert "Confirmed" in run(bob.email)


@pytest.mark.parametrize("column", ["is_superuser", "is_staff", "email"])
def test_what_is_written_while_it_asks_is_not_confirmed(
    column: str, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.filter(pk=bob.pk).update(is_support=True)

    def answer(question: str) -> str:
        User.objects.filter(pk=bob.pk).update(**{column: "rogue@umbrella.example" if column == "email" else True})
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    with pytest.raises(CommandError, match="in the meantime"):
        run(bob.email)
    bob.refresh_from_db()
    assert not bob.is_unaltered


def test_an_unknown_address(db: None) -> None:
    with pytest.raises(CommandError, match="no account"):
        run("nobody@acme.example")
