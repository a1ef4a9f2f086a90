"""Commands of Django and other packages: those that change people are the portal's own, and recorded."""

from __future__ import annotations

import getpass
import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command, get_commands

from portal.models import Activity, Organization, User
from tests.conftest import PASSWORD

NEW = "another long battery"
WEAK = "password"
NINA = "nina@drayage.example"

RECORDED = "a command of the portal with this name records what it does"
READS = "changes nothing"
UPKEEP = "removes or creates what nobody decides on"
DATABASE = "opens or replaces the whole database: whoever may run it may write any row, which `verify_activity` detects"
DEVELOPMENT = "for development: writes files, or uses a database of its own"
DECISIONS = {
    "account_unsetmultipleprimaryemails": "finds nothing: a constraint allows one primary address for each person",
    "changepassword": RECORDED,
    "check": READS,
    "clearsessions": UPKEEP,
    "collectstatic": UPKEEP,
    "compilemessages": DEVELOPMENT,
    "createcachetable": UPKEEP,
    "createsuperuser": RECORDED,
    "dbshell": DATABASE,
    "diffsettings": READS,
    "dumpdata": READS,
    "findstatic": READS,
    "flush": DATABASE,
    "inspectdb": READS,
    "loaddata": DATABASE,
    "makemessages": DEVELOPMENT,
    "makemigrations": DEVELOPMENT,
    "migrate": DATABASE,
    "optimizemigration": DEVELOPMENT,
    "remove_stale_contenttypes": UPKEEP,
    "runserver": DEVELOPMENT,
    "sendtestemail": "sends a mail to an address that the operator enters",
    "shell": DATABASE,
    "showmigrations": READS,
    "sqlflush": READS,
    "sqlmigrate": READS,
    "sqlsequencereset": READS,
    "squashmigrations": DEVELOPMENT,
    "startapp": DEVELOPMENT,
    "startproject": DEVELOPMENT,
    "test": DEVELOPMENT,
    "testserver": DEVELOPMENT,
}
"""Every command that isn't the portal's alone, and what was decided on it."""
OWN = {
    "confirm_account",
    "create_api_key",
    "create_enrolment",
    "create_operator",
    "create_organization",
    "demo",
    "forget_tls",
    "lift_sign_in_limits",
    "prepare",
    "reset_second_factors",
    "rotate_issuer_keys",
    "rqworker",
    "serve",
    "sweep",
    "up",
    "verify_activity",
}


class Terminal(io.StringIO):
    """Standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a way to say what an operator types, in turn, where passwords and other text are asked for."""

    def typing(*, passwords: list[str], texts: list[str] | None = None) -> None:
        monkeypatch.setattr(getpass, "getpass", lambda prompt="": passwords.pop(0))
        monkeypatch.setattr("builtins.input", lambda prompt="": (texts or []).pop(0))

    return typing


def recorded() -> list[tuple[int | None, str, str, str]]:
    rows = Activity.objects.order_by("pk")
    return list(rows.values_list("organization_id", "action", "actor_kind", "text__target_name"))


def test_every_command_of_other_packages_has_a_decision() -> None:
    commands = get_commands()
    assert set(commands) - OWN == set(DECISIONS)
    of_the_portal = {name for name, package in commands.items() if package == "portal"}
    assert of_the_portal == OWN | {name for name, decision in DECISIONS.items() if decision == RECORDED}


@pytest.mark.django_db
class TestCreateSuperuser:
    def test_without_questions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        call_command("createsuperuser", "--noinput", "--email", "Nina@Drayage.example", "-v0")

        nina = User.objects.get()
        assert (nina.email, nina.is_superuser, nina.is_staff) == (NINA, True, True)
        assert nina.check_password(PASSWORD)
        assert recorded() == [(None, "account.created", "operator", NINA)]

    def test_from_the_environment_alone_and_without_a_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", NINA)
        call_command("createsuperuser", "--noinput", "-v0")
        assert not User.objects.get(email=NINA).has_usable_password()

    def test_with_questions(self, types: Callable[..., None]) -> None:
        types(texts=["no address", NINA, "n"], passwords=[PASSWORD, "other", " ", " ", WEAK, WEAK, PASSWORD, PASSWORD])
        written = io.StringIO()
        call_command("createsuperuser", stdin=Terminal(), stdout=written, stderr=io.StringIO())

        assert User.objects.get(email=NINA).check_password(PASSWORD)
        assert written.getvalue() == "Superuser created successfully.\n"
        assert recorded() == [(None, "account.created", "operator", NINA)]

    def test_a_weak_password_if_the_operator_insists(self, types: Callable[..., None]) -> None:
        types(texts=["y"], passwords=[WEAK, WEAK])
        call_command("createsuperuser", email=NINA, stdin=Terminal(), stdout=io.StringIO(), stderr=io.StringIO())
        assert User.objects.get(email=NINA).check_password(WEAK)

    def test_not_without_a_terminal(self) -> None:
        written = io.StringIO()
        call_command("createsuperuser", stdin=io.StringIO(), stdout=written)
        assert "skipped" in written.getvalue()
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [([], "--email"), (["--email", "no address"], "valid"), (["--email", "ALICE@acme.example"], "taken")],
    )
    def test_refused(self, alice: User, arguments: list[str], problem: str) -> None:
        with pytest.raises(CommandError, match=problem):
            call_command("createsuperuser", "--noinput", *arguments)
        assert User.objects.count() == 1
        assert recorded() == []


@pytest.mark.django_db
class TestChangePassword:
    def test_it_is_recorded_in_the_organizations_of_the_person(
        self, acme: Organization, alice: User, types: Callable[..., None]
    ) -> None:
        types(passwords=[NEW, "other", WEAK, WEAK, NEW, NEW])
        call_command("changepassword", alice.email, stdout=io.StringIO(), stderr=io.StringIO())

        alice.refresh_from_db()
        assert alice.check_password(NEW)
        row = ("account.password_changed", "operator", alice.email)
        assert recorded() == [(acme.pk, *row), (None, *row)]

    def test_it_takes_an_account_from_whoever_may_have_made_it(self, types: Callable[..., None]) -> None:
        nina = User.objects.create_user(NINA, PASSWORD)
        types(passwords=[NEW, NEW])
        written = io.StringIO()
        call_command("changepassword", NINA, stdout=written)
        nina.refresh_from_db()
        assert (nina.address_proof, nina.session_epoch > 0, nina.check_password(NEW)) == ("operator", True, True)
        assert "Nobody had proven to have" in written.getvalue()

    @pytest.mark.parametrize("passwords", [[""], [NEW, "other"] * 3], ids=["aborted", "three mistakes"])
    def test_not_changed(self, alice: User, types: Callable[..., None], passwords: list[str]) -> None:
        types(passwords=passwords)
        with pytest.raises(CommandError, match=r"(?i)abort"):
            call_command("changepassword", alice.email, stdout=io.StringIO())
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)
        assert recorded() == []

    def test_of_nobody(self) -> None:
        with pytest.raises(CommandError, match="does not exist"):
            call_command("changepassword", "nobody@acme.example")
