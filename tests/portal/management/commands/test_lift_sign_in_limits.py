"""`manage.py lift_sign_in_limits`: who is let in again, and that it is recorded."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from portal.models import Activity, SignInLimit

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("lift_sign_in_limits", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture(autouse=True)
def _guesses(db: None) -> None:
    for name, client in (("alice", "192.0.2.1"), ("bob", "192.0.2.1"), ("alice", "2001:db8::1")):
        sent = {"login": f"{name}@acme.example", "password": "a wrong guess"}
        Client().post("/accounts/login/", sent, REMOTE_ADDR=client)


@pytest.mark.parametrize(
    ("arguments", "lifted"),
    [
        (["--account", "Alice@acme.example"], {"account", "account_at_address"}),
        (["--address", "192.0.2.1"], {"address", "account_at_address"}),
        (["--address", "2001:db8::ffff"], {"address", "account_at_address"}),
        (["--all"], {"account", "account_at_address", "address", "domain"}),
    ],
)
def test_what_is_lifted(arguments: list[str], lifted: set[str]) -> None:
    before = dict(SignInLimit.objects.values_list("pk", "kind"))
    said = run(*arguments)
    gone = [kind for pk, kind in before.items() if not SignInLimit.objects.filter(pk=pk).exists()]
    assert set(gone) == lifted
    assert said == f"Lifted {len(gone)}."
    rows = Activity.objects.filter(action="account.limit_lifted", actor_kind="operator", organization=None)
    assert rows.count() == len(gone)


def test_nothing_is_limited() -> None:
    assert run("--account", "carol@acme.example") == "Nothing is limited there."
    assert not Activity.objects.exists()


def test_it_asks_whose() -> None:
    with pytest.raises(CommandError, match="--account"):
        run()
