"""Receipts in the admin: an operator confirms and destroys a credential, which is recorded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from portal.models import Organization, User
from registries.credential_rows import empty_credential
from registries.models import ERASED_NAME, Credential, TlsHost
from tests.support.activity import recorded
from tests.support.pulls import SECRET, USER, make_credential

LIST = "/admin/registries/credential/"


@pytest.fixture
def credential(acme: Organization) -> Credential:
    return make_credential(acme, "registry.example.com")


@pytest.fixture
def operator(olga: User, as_user: Callable[[User], Client]) -> Client:
    return as_user(olga)


def choose(*rows: Credential, **more: str) -> dict[str, str | list[str]]:
    return {"action": "destroy_now", "_selected_action": [str(row.pk) for row in rows], **more}


def test_the_receipt_shows_all_but_the_secret(operator: Client, credential: Credential) -> None:
    page = operator.get(f"{LIST}{credential.pk}/change/").content.decode()
    assert USER in page
    assert "registry.example.com" in page
    assert SECRET not in page
    assert "sealed" not in page
    assert 'name="_save"' not in page


def test_destroying_asks_first(operator: Client, credential: Credential) -> None:
    page = operator.post(LIST, choose(credential)).content.decode()
    assert "Destroy these credentials now?" in page
    assert str(credential.pk) in page
    credential.refresh_from_db()
    assert credential.is_live


def test_destroying_empties_the_seal_and_is_written_down(operator: Client, credential: Credential, olga: User) -> None:
    response = operator.post(LIST, choose(credential, confirmed="yes"), follow=True)
    assert "Destroyed 1 of 1." in response.content.decode()
    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "operator")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (olga, str(credential.pk), "Destroyed")
    assert recorded() == [
        ("Drayage", "credential.destroyed", "registry", f"{credential.host}, an operator destroyed it")
    ]


def test_one_that_is_gone_keeps_its_receipt(operator: Client, credential: Credential) -> None:
    empty_credential(credential.pk, reason=Credential.DestructionReason.SETTLED)
    response = operator.post(LIST, choose(credential, confirmed="yes"), follow=True)
    assert "Destroyed 0 of 1. 1 had nothing left to do." in response.content.decode()
    credential.refresh_from_db()
    assert credential.destroyed_because == "settled"
    assert not LogEntry.objects.exists()


def test_nobody_else_destroys(sam: User, as_user: Callable[[User], Client], credential: Credential) -> None:
    assert as_user(sam).post(LIST, choose(credential, confirmed="yes")).status_code == 403
    credential.refresh_from_db()
    assert credential.is_live


def test_names_are_erased_after_confirmation_also_from_the_log(
    operator: Client, credential: Credential, acme: Organization
) -> None:
    held = make_credential(acme, "registry.example.com")
    operator.post(LIST, choose(credential, confirmed="yes"))
    assert "registry (registry.example.com)" in str(list(LogEntry.objects.values()))

    asked = operator.post(LIST, choose(credential, held) | {"action": "erase_names"})
    answer = operator.post(LIST, choose(credential, held, confirmed="yes") | {"action": "erase_names"}, follow=True)

    assert "Erase the names" in asked.text
    assert "Names erased 1 of 2" in answer.text
    credential.refresh_from_db()
    held.refresh_from_db()
    assert (credential.name, credential.fields, held.name) == (ERASED_NAME, {}, "registry")
    assert "registry (registry.example.com)" not in str(list(LogEntry.objects.values()))
    assert recorded(organization=acme)[-1][1:] == ("credential.erased", "", "")


def test_hosts_with_tls_are_shown_and_not_forgotten_here(operator: Client) -> None:
    """The workers' notes count, and the web zone can't delete them."""
    host = TlsHost.objects.create(host="registry.internal:5000")
    page = operator.get("/admin/registries/tlshost/").text
    assert host.host in page
    assert "forget" not in page.lower()
    operator.post("/admin/registries/tlshost/", {"action": "forget", "_selected_action": [host.pk], "confirmed": "yes"})
    operator.post(f"/admin/registries/tlshost/{host.pk.replace(':', '_3A')}/delete/", {"post": "yes"})
    assert TlsHost.objects.exists()
