"""The command `create_organization`: an owner who is new or known, and what is refused before anything is written."""

from __future__ import annotations

import getpass
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from portal.models import Activity, Membership, Organization, Project, User


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("create_organization", *arguments, stdout=out)
    return out.getvalue()


def test_a_new_owner_may_sign_in_with_the_password(db: None) -> None:
    assert create("initech", "--owner", "Peter@Initech.Example", "--password", "correct horse") == (
        "initech: owner peter@initech.example\n"
    )
    organization = Organization.objects.get()
    person = User.objects.get()
    assert (organization.name, person.email) == ("Initech", "peter@initech.example")
    assert person.check_password("correct horse")
    assert (person.is_staff, person.is_superuser) == (False, False)
    assert Membership.objects.get().role == "owner"
    assert Project.objects.get().slug == "default"
    assert set(Activity.objects.values_list("actor_kind", flat=True)) == {"operator"}


def test_without_a_password_there_is_none_to_sign_in_with(db: None) -> None:
    written = create("initech", "--owner", "peter@initech.example", "--name", "Initech Inc.")
    assert Organization.objects.get().name == "Initech Inc."
    assert not User.objects.get().has_usable_password()
    assert User.objects.get().address_proof == "operator"
    assert "/accounts/password/reset/key/" in written


def test_where_mail_is_sent_the_link_is_not_printed(db: None, settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    written = create("initech", "--owner", "peter@initech.example")
    assert "was sent to peter@initech.example" in written
    assert "http" not in written
    assert mail.outbox[0].to == ["peter@initech.example"]


def test_an_account_that_somebody_else_may_have_made_is_taken_from_them(acme: Organization) -> None:
    peter = User.objects.create_user("peter@initech.example", "of whoever invited him")
    acme.memberships.create(user=peter, role="viewer")
    written = create("initech", "--owner", peter.email)
    peter.refresh_from_db()
    assert "Nobody had proven to have peter@initech.example" in written
    assert "/accounts/password/reset/key/" in written
    assert (peter.address_proof, peter.has_usable_password()) == ("operator", False)


def test_an_altered_account_owns_nothing(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(address_proof="")
    with pytest.raises(CommandError, match="confirm_account"):
        create("initech", "--owner", bob.email)
    assert not Organization.objects.filter(slug="initech").exists()


def test_a_known_owner_keeps_the_password(alice: User) -> None:
    before = User.objects.get(pk=alice.pk).password
    create("initech", "--owner", alice.email.upper(), "--password", "another password")
    assert User.objects.get(pk=alice.pk).password == before
    assert Organization.objects.get(slug="initech").memberships.get().user == alice


@pytest.mark.parametrize(
    ("slug", "owner"),
    [
        ("Not A Slug", "peter@initech.example"),
        ("../x", "peter@initech.example"),
        ("initech", "peter"),
        ("acme", "peter@initech.example"),
    ],
)
def test_what_is_refused_changes_nothing(acme: Organization, slug: str, owner: str) -> None:
    before = [list(rows.objects.values().order_by("pk")) for rows in (Organization, User, Activity)]
    with pytest.raises(CommandError):
        create(slug, "--owner", owner)
    assert [list(rows.objects.values().order_by("pk")) for rows in (Organization, User, Activity)] == before


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_password_may_be_in_a_file(db: None, tmp_path: Path, end: str) -> None:
    (tmp_path / "password").write_text(f" correct horse {end}", newline="")
    create("initech", "--owner", "peter@initech.example", "--password-file", str(tmp_path / "password"))
    assert User.objects.get().check_password(" correct horse ")


def test_the_password_may_be_in_standard_input(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"correct horse\n")))
    create("initech", "--owner", "peter@initech.example", "--password-file", "-")
    assert User.objects.get().check_password("correct horse")


def test_at_a_terminal_it_is_asked_for(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda: "correct horse")
    create("initech", "--owner", "peter@initech.example", "--password-file", "-")
    assert User.objects.get().check_password("correct horse")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"hunter2\nhunter2", b"hunter2\xff", b"hunter2" * 1000])
def test_a_file_without_a_password_changes_nothing(db: None, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    with pytest.raises(CommandError, match="--password-file") as refused:
        create("initech", "--owner", "peter@initech.example", "--password-file", str(tmp_path / "password"))
    assert "hunter2" not in str(refused.value)
    assert not Organization.objects.exists()
    assert not User.objects.exists()


def test_there_is_one_password(db: None) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        create("initech", "--owner", "peter@initech.example", "--password-file", "-", "--password", "x")
