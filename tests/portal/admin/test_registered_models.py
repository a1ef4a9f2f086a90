"""Who sees what in the admin: every registered model against operator, support, plain staff and member."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils.html import escape

from groups.models import Enrolment, Failure, Node
from portal.models import Organization, SupportRequest, User
from registries.foundation.admin_base import HIDDEN
from tests.support.admin_rows import CANARY, LISTED, MARKUP, REGISTERED, Rows, make_rows, registered, url
from tests.support.second_factors import add_totp

pytestmark = pytest.mark.slow

MODELS = sorted(LISTED, key=lambda model: LISTED[model])
SUPPORTED = {Failure, SupportRequest}
# Where an operator finds a form for a new one, and where one may be deleted.
ADDED = {"portal/user", "portal/organization", "groups/enrolment", "account/emailaddress"}
DELETED = {"account/emailaddress"}
PEOPLE = ("operator", "support", "staff", "member")


@pytest.fixture
def rows(acme: Any, alice: Any) -> Rows:
    return make_rows(acme, alice)


@pytest.fixture
def clients(olga: Any, sam: Any, bob: Any, as_user: Any) -> dict[str, Client]:
    """A browser of each kind of person."""
    staff = User.objects.create_user("stan@drayage.example", is_staff=True)
    add_totp(staff)
    people = (olga, sam, staff, bob)
    return {kind: as_user(person) for kind, person in zip(PEOPLE, people, strict=True)}


def test_the_list_of_models_is_complete() -> None:
    assert registered() == REGISTERED


@pytest.mark.parametrize("kind", PEOPLE)
def test_who_opens_what(kind: str, clients: dict[str, Client], rows: Rows) -> None:
    client = clients[kind]
    refused = 302 if kind == "member" else 403  # a member is sent to sign in as somebody else

    def expect(address: str, allowed: bool, response: Any, good: int = 200) -> None:
        assert response.status_code == (good if allowed else refused), address

    for model in MODELS:
        row, name = rows[model].pk, LISTED[model]
        sees = kind == "operator" or (kind == "support" and model in SUPPORTED)
        leads_on = 302 if model in SUPPORTED else 200  # to the support desk
        expect(url(model), sees, client.get(url(model)), good=leads_on)
        expect(url(model, row), sees, client.get(url(model, row)), good=leads_on)
        history = url(model, row).replace("/change/", "/history/")
        expect(history, kind == "operator", client.get(history))
        add = url(model, "add")
        expect(add, kind == "operator" and name in ADDED, client.get(add))
        deletes = kind == "operator" and name in DELETED
        delete = url(model, row).replace("/change/", "/delete/")
        expect(delete, deletes, client.get(delete))
        expect(delete, deletes, client.post(delete, {"post": "yes"}), good=302)
        assert type(rows[model]).objects.filter(pk=row).exists() == (not deletes), name


def test_a_member_gets_no_further_by_signing_in(clients: dict[str, Client]) -> None:
    assert clients["member"].get("/admin/", follow=True).status_code == 403


def test_strangers_are_sent_to_the_one_sign_in_page(db: None) -> None:
    first = Client().get("/admin/")
    assert first["Location"] == "/admin/login/?next=/admin/"
    assert Client().get(first["Location"])["Location"].startswith("/accounts/login/?next=")


def test_the_index_lists_what_each_may_open(clients: dict[str, Client]) -> None:
    def lists(kind: str) -> set[str]:
        text = clients[kind].get("/admin/").content.decode()
        return set(re.findall(r'<th scope="row" id="[^"]*">\s*<a href="/admin/([^"]+)/"', text))

    assert lists("operator") == set(LISTED.values())
    assert lists("support") == {"groups/failure", "portal/supportrequest"}
    assert lists("staff") == set()


def test_no_page_shows_a_secret_or_takes_markup(clients: dict[str, Client], rows: Rows) -> None:
    for model in MODELS:
        for address in (url(model), url(model, rows[model].pk)):
            text = clients["operator"].get(address, follow=True).content.decode()
            for never in (CANARY, MARKUP, rows[User].password):
                assert never not in text, address
        if model in (Failure, SupportRequest, User, Enrolment):
            assert escape(MARKUP)[:50] in text, address


def test_pages_have_no_inline_code(clients: dict[str, Client], rows: Rows) -> None:
    for model in MODELS:
        addresses = [url(model), url(model, rows[model].pk)]
        for address in [*addresses, url(model, "add")] if LISTED[model] in ADDED else addresses:
            response = clients["operator"].get(address, follow=True)
            assert "unsafe" not in response.headers["Content-Security-Policy"]
            assert_no_inline_code(response.content.decode())


def test_an_empty_list_says_what_comes_of_it(clients: dict[str, Client], rows: Rows) -> None:
    def said(address: str) -> str:
        return clients["operator"].get(address).content.decode()

    assert "Nothing matches." in said(f"{url(Node)}?q=no-such-node")
    Enrolment.objects.all().delete()
    assert "Add the first" in said(url(Enrolment))
    assert "There are no" not in said(url(Node))


def test_nothing_hidden_is_searched_shown_or_filtered_by(clients: dict[str, Client], rows: Rows) -> None:
    for model, page in admin.site._registry.items():
        named = {part for name in (*page.search_fields, *page.list_display) for part in str(name).split("__")}
        assert not named & HIDDEN, model
    for address in (
        "/admin/groups/nodetoken/?token_hash__startswith=a",
        "/admin/groups/enrolment/?code_hash__startswith=a",
        "/admin/registries/credential/?sealed__isnull=0",
        "/admin/portal/user/?password__startswith=p",
        "/admin/mfa/authenticator/?data__contains=a",
    ):
        assert clients["operator"].get(address).status_code == 400, address


def test_an_operator_makes_a_person(clients: dict[str, Client]) -> None:
    sent = {"email": "Nina@Acme.Example", "role": "support"}
    page = clients["operator"].post(url(User, "add"), sent)
    assert_no_inline_code(page.content.decode())
    assert User.objects.get(email="nina@acme.example").is_support

    again = clients["operator"].post(url(User, "add"), sent | {"email": "NINA@acme.example"})
    assert "There is a person with this address already." in again.content.decode()


def test_an_operator_creates_a_link(clients: dict[str, Client], alice: Any) -> None:
    address = url(User, alice.pk).replace("/change/", "/link/")
    for page in (clients["operator"].get(address), clients["operator"].post(address)):
        assert_no_inline_code(page.content.decode())
    assert clients["support"].get(address).status_code == 403


def test_operators_do_not_lock_themselves_out(clients: dict[str, Client], olga: Any) -> None:
    clients["operator"].post(url(User, olga.pk), {"email": olga.email})
    olga.refresh_from_db()
    assert (olga.is_active, olga.is_staff, olga.is_superuser) == (True, True, True)


def test_support_gives_itself_no_rights(clients: dict[str, Client], sam: Any) -> None:
    assert clients["support"].post(url(User, sam.pk), {"email": sam.email, "is_superuser": "on"}).status_code == 403
    sam.refresh_from_db()
    assert not sam.is_superuser


def test_an_operator_makes_an_organization(clients: dict[str, Client], alice: Any) -> None:
    sent = {"name": "Umbrella", "slug": "umbrella", "owner": str(alice.pk)}
    assert clients["operator"].post(url(Organization, "add"), sent).status_code == 302

    umbrella = Organization.objects.get(slug="umbrella")
    assert list(umbrella.projects.values_list("slug", flat=True)) == ["default"]
    assert umbrella.memberships.get().role == "owner"

    wrong = clients["operator"].post(url(Organization, "add"), sent | {"slug": "-No-"})
    assert "lower-case letters" in wrong.content.decode()


def test_the_last_owner_stays(clients: dict[str, Client], acme: Any) -> None:
    owner = acme.memberships.get(role="owner")
    others = list(acme.memberships.exclude(pk=owner.pk))
    sent = {
        "name": "Acme & Sons",
        "memberships-TOTAL_FORMS": str(1 + len(others)),
        "memberships-INITIAL_FORMS": str(1 + len(others)),
        "projects-TOTAL_FORMS": "0",
        "projects-INITIAL_FORMS": "0",
    }
    for place, membership in enumerate([owner, *others]):
        sent |= {
            f"memberships-{place}-id": str(membership.pk),
            f"memberships-{place}-organization": str(acme.pk),
            f"memberships-{place}-user": str(membership.user_id),
            f"memberships-{place}-role": membership.role,
        }
    for change in ({"memberships-0-DELETE": "on"}, {"memberships-0-role": "viewer"}):
        response = clients["operator"].post(url(Organization, acme.pk), sent | change, follow=True)
        assert "An organization needs an owner." in response.content.decode()
        owner.refresh_from_db()
        assert owner.role == "owner"
    assert clients["operator"].post(url(Organization, acme.pk), sent).status_code == 302
    acme.refresh_from_db()
    assert acme.name == "Acme & Sons"


def assert_no_inline_code(page: str) -> None:
    """Nothing that a policy without `unsafe-inline` would stop."""
    for script in re.findall(r"<script([^>]*)>", page):
        assert "src=" in script or "application/json" in script, script
    assert "<style" not in page
    assert not re.findall(r"<[^>]+\s(?:style|on[a-z]+)=", page)
    assert "javascript:" not in page
    assert not re.findall(r'(?:src|href)="https?://', page)
