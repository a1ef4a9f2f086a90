"""A portal with a past is upgraded: the database of a release before migrates, and nothing in it is lost.

The dump says what was there. Each of its columns has the same value afterwards, in its place or where
`tests.support.losses` says that it went; and the pages of members, support and operators show it.
"""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.contrib import admin
from django.core.management import call_command
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django import DjangoDbBlocker, Settings

from groups.models import Blob, ContainerGroup, Image
from groups.rules.sealed_settings import open_environment, open_options
from portal.accounts.authority import mark_existing
from portal.audit.verification import verify
from portal.models import Organization, User, Webhook
from portal.notifications.webhooks import secrets_of
from portal.runtime.keyed_digests import key_existing
from registries.models import Credential
from registries.secrets import at_rest, layer_keys
from registries.secrets.resealing import reseal_previous_format
from tests.support import fresh_sign_ins
from tests.support.losses import COUNTED, DROPPED, MOVED, lost_rows, lost_values
from tests.support.previous_state import (
    PreviousState,
    as_default,
    empty_database,
    load,
    read_dump,
    throw_away,
    write_keys,
)
from tests.support.seals import unsealed
from tests.support.second_factors import add_totp

pytestmark = [pytest.mark.database, pytest.mark.slow]
OUR_APPS = {"portal", "groups", "registries"}
SECRET = "only-for-tests".ljust(43, "-")
"""What follows the prefix of an API key and of an invitation of the dump."""
DESK = {
    "/admin/groups/failure/": "/admin/desk/?what=failure",
    "/admin/portal/supportrequest/": "/admin/desk/?what=request",
}
"""Where lists of the admin lead that are the support desk's."""


@dataclass(frozen=True)
class Upgraded:
    """A database after the upgrade: what it held, what models it had, and what was lost on the way."""

    before: PreviousState
    models: list[type[Model]]
    database: BaseDatabaseWrapper
    keys: Path
    losses: list[str]


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Upgraded]:
    """The dump, loaded into a database as old as it is, and migrated to today's."""
    folder, before = tmp_path_factory.mktemp("upgrade"), read_dump()
    keys_of_the_dump = override_settings(PORTAL_KEY_DIR=folder / "keys")
    with django_db_blocker.unblock(), empty_database(folder) as database:
        with as_default(database), keys_of_the_dump:
            write_keys(folder / "keys")
            models = load(before).get_models()
            call_command("migrate", interactive=False, verbosity=0)
            call_command("createcachetable", verbosity=0)
            losses = [*lost_rows(before), *lost_values(before)]
            mark_existing()
            key_existing()
        yield Upgraded(before, models, database, folder / "keys", losses)


@pytest.fixture(autouse=True)
def portal(upgraded: Upgraded, settings: Settings) -> Iterator[None]:
    """The portal runs on that database, with its keys; what a test writes is undone."""
    settings.PORTAL_KEY_DIR = upgraded.keys
    write_keys(upgraded.keys)
    with as_default(upgraded.database), transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_nothing_is_lost(upgraded: Upgraded) -> None:
    assert not upgraded.losses, "\n".join(upgraded.losses)


def test_what_moved_was_there(upgraded: Upgraded) -> None:
    """An entry that names no column is a mistake in it."""
    columns = {f"{row.model}.{name}" for row in upgraded.before.rows for name in row.fields}
    assert not (MOVED.keys() | DROPPED.keys()) - columns
    assert not COUNTED.keys() - {row.model for row in upgraded.before.rows}


def test_the_dump_has_rows_in_every_state(upgraded: Upgraded) -> None:
    """What the dump doesn't hold, nobody would miss."""
    missing = []
    for model in (model for model in upgraded.models if model._meta.app_label in OUR_APPS and not model._meta.proxy):
        label = model._meta.label_lower
        rows = upgraded.before.of(label)
        missing += [] if rows else [label]
        for field in (field for field in model._meta.concrete_fields if field.choices):
            unseen = dict(field.flatchoices).keys() - {row.fields[field.name] for row in rows}
            missing += [f"{label}.{field.name} {value}" for value in sorted(unseen)]
    assert missing == ["portal.supportmessage.state new"]  # which nobody chooses by what they write


def test_the_database_is_as_the_models_say() -> None:
    call_command("check", databases=["default"], fail_level="WARNING")
    call_command("migrate", check_unapplied=True, verbosity=0)


def test_the_activity_became_chains_that_verify() -> None:
    assert not list(verify())


def test_what_was_sealed_opens() -> None:
    group = ContainerGroup.objects.get(name="stopped")
    assert open_environment(group) == {"GREETING": "Grüße aus Łódź", "TOKEN": "only-for-tests", "EMPTY": ""}
    assert open_options(group)["logging"]["http"]["password"] == "only-for-tests"
    for image in Image.objects.filter(config__isnull=False):
        assert json.loads(at_rest.decrypt(image.config or b"", bound_to=f"image config {image.pk}"))["os"] == "linux"
    for blob in Blob.objects.all():
        key = layer_keys.unwrap(blob.wrapped_key, organization_id=blob.organization_id, digest=blob.digest)
        assert key == throw_away(f"layer key of {blob.name.rpartition('/')[2]}")
    for webhook in Webhook.objects.all():
        assert all(secret.startswith("whsec_") for secret in secrets_of(webhook))
    reseal_previous_format()
    opened = [unsealed(row) for row in Credential.objects.exclude(sealed=None)]
    assert sorted(name for values in opened for name in values) == ["key", "password", "password", "secret_access_key"]


@pytest.mark.parametrize(
    ("name", "kwargs", "text"),
    [
        ("portal:organization", {}, "Acme"),
        ("portal:activity", {}, "Ziel 28 – größe"),
        ("portal:members", {}, "nina@acme.example"),
        ("portal:api_keys", {}, "Grafana — Übersicht"),
        ("portal:notifications", {}, "hooks.acme.example"),
        ("portal:support", {}, "The failure of failed-0"),
        ("registries:list", {}, "Eigene Registry ü"),
        ("groups:list", {"project": "vision"}, "batch-broken"),
        ("groups:detail", {"project": "default", "name": "stopped"}, "GREETING"),
        ("groups:detail", {"project": "vision", "name": "render"}, "kai"),
        ("groups:detail", {"project": "default", "name": "failed-1"}, "pull acme/größe"),
        ("groups:ledger", {"project": "vision", "name": "render"}, "2001:db8::7"),
    ],
)
def test_owners_read_it(name: str, kwargs: dict[str, str], text: str) -> None:
    page = shown(signed_in("alice@acme.example"), reverse(name, kwargs={"org": "acme", **kwargs}))
    assert text in page


def test_owners_read_each_record(upgraded: Upgraded) -> None:
    browser = signed_in("alice@acme.example")
    acme = Organization.objects.get(slug="acme").pk
    pages = {
        "registries.credential": ("registries:detail", "credential"),
        "portal.supportrequest": ("portal:conversation", "asked"),
        "portal.webhook": ("portal:webhook", "webhook"),
    }
    for model, (name, part) in pages.items():
        for row in upgraded.before.of(model):
            if row.fields["organization"] == acme:
                shown(browser, reverse(name, kwargs={"org": "acme", part: row.pk}))
    for row in upgraded.before.of("groups.failure"):
        if row.fields["organization"] == acme:
            place = {"org": "acme", "project": "default", "name": row.fields["group_name"], "failure": row.pk}
            assert "größe" in shown(browser, reverse("groups:failure", kwargs=place))


def test_support_reads_each_case(upgraded: Upgraded) -> None:
    browser = signed_in("sam@drayage.example")
    assert "acme" in shown(browser, reverse("desk:queue")).lower()
    for model, what in [("groups.failure", "failure"), ("portal.supportrequest", "request")]:
        for row in upgraded.before.of(model):
            page = shown(browser, reverse("desk:case", args=[what, row.pk]))
            assert str(row.fields["note"]).partition("\n")[0] in page


def test_operators_read_every_list() -> None:
    browser = signed_in("olga@drayage.example")
    models = [model for model in admin.site._registry if model._meta.managed]
    assert {model._meta.app_label for model in models} >= OUR_APPS
    for model in models:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        shown(browser, DESK.get(address, address))
    for organization in Organization.objects.all():
        shown(browser, reverse("admin:portal_organization_change", args=[organization.pk]))


def test_a_suspended_organization_stays_suspended() -> None:
    page = shown(signed_in("mallory@umbrella.example"), reverse("portal:organization", args=["umbrella"]))
    assert "Stolen tokens were presented – Ünfug." in page


def test_a_session_that_does_not_say_when_it_began_has_ended(upgraded: Upgraded) -> None:
    browser = Client()
    [session] = upgraded.before.of("sessions.session")
    browser.cookies["sessionid"] = str(session.pk)
    response = browser.get(reverse("portal:organization", args=["acme"]))
    assert response["Location"].startswith(reverse("account_login"))


def test_keys_and_invitations_still_work() -> None:
    shown(Client(headers={"Salad-Api-Key": f"drayage_{SECRET}"}), "/api/public/organizations/acme/quotas")
    invited = Client()
    assert invited.get(reverse("portal:invitation", args=[f"dri_{SECRET}"])).status_code == 302
    assert "Acme" in shown(invited, reverse("portal:invitation_accept"))


def test_open_sessions_of_nodes_continue(upgraded: Upgraded) -> None:
    """As an earlier release made a bearer: from the id of the token's row and the web zone's data key."""
    key = HKDF(SHA256(), 32, None, b"drayage node session bearer").derive(throw_away("data.key"))
    rows = upgraded.before.of("groups.nodetoken")
    bearers = {}
    for row in rows:
        token = uuid.UUID(str(row.pk))
        mac = base64.urlsafe_b64encode(hmac.digest(key, token.bytes, "sha256")).rstrip(b"=").decode()
        bearers[row.pk] = Client().get("/v2/", headers={"Authorization": f"Bearer drs_{token.hex}_{mac}"}).status_code
    is_open = {row.pk: bool(row.fields["redeemed_at"]) and row.fields["ended_at"] is None for row in rows}
    assert {pk for pk, status in bearers.items() if status == 200} == {pk for pk, held in is_open.items() if held}
    assert 200 in bearers.values()


def test_new_activity_is_above_the_old() -> None:
    browser = signed_in("bob@acme.example")
    stop = reverse("groups:stop", args=["acme", "vision", "render"])
    assert browser.post(stop).status_code == 302
    page = " ".join(shown(browser, reverse("portal:activity", args=["acme"])).split())
    assert page.index("<strong>bob@acme.example</strong> stopped <") < page.index("Ziel 28 – größe")


def signed_in(email: str) -> Client:
    """The browser of a person from the dump; operators and support set up the second factor that they need now."""
    person = User.objects.get(email=email)
    if person.is_staff:
        add_totp(person)
    return fresh_sign_ins.signed_in(person)


def shown(browser: Client, address: str) -> str:
    """Open a page, which has to be there, and return what it says."""
    answer = browser.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return answer.content.decode()
