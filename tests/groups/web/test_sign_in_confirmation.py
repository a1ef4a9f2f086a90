"""A registry that signs in at another host, from the page that asks about it to the pull, with real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from pytest_django.fixtures import Settings

from groups import jobs
from groups.ingest import check
from groups.models import ContainerGroup, Failure, Image, ImageCheck
from groups.web.sign_in_confirmation import confirmed_host
from portal.models import Activity, Organization
from registries.models import Credential
from registries.secrets.credential_seal import unseal
from registries.secrets.sign_in_offers import offer_of
from tests.support.check_pages import CHECK, HTMX
from tests.support.fakes.sign_in_pair import SignInPair, running_pair
from tests.support.group_pages import at, text_of
from tests.support.pulls import SECRET, USER, make_credential

pytestmark = pytest.mark.usefixtures("no_redis")


@pytest.fixture
def pair(tmp_path: Path, settings: Settings) -> Iterator[SignInPair]:
    with running_pair(tmp_path, USER, SECRET) as pair:
        settings.PORTAL_REGISTRY_CA_FILE = pair.authority.ca_file
        yield pair


def boxes(page: Any) -> list[str]:
    """The values of the boxes that ask about a sign-in host. None is ever ticked."""
    found = re.findall(r"<input[^>]*name=\"sign_in_host\"[^>]*>", page.content.decode())
    assert not [box for box in found if "checked" in box]
    return [re.search(r'value="([^"]*)"', box)[1] for box in found]  # type: ignore[index]


def checked(member: Client, pair: SignInPair, **data: str) -> Any:
    """Check the image from the page of a new group; return the report of the finished check."""
    sent = {"image": f"{pair.registry.host}/team/app:1.0", **data}
    member.post(CHECK, sent, headers=HTMX)
    row = ImageCheck.objects.order_by("-created_at")[0]
    check.check(row.pk)
    return member.get(f"{CHECK}{row.pk}/")


TYPED = {"credential": "new", "new-username": USER, "new-password": SECRET}


def test_check_names_the_host_and_the_member_confirms_it_once(
    member: Client, acme: Organization, pair: SignInPair
) -> None:
    """docker/sbx-releases#535, dotnet/sdk-container-builds#284: self-managed GitLab. Nothing is entered twice."""
    page = checked(member, pair, **TYPED)
    assert "The registry signs in at another host" in text_of(page)
    assert f"Send the credential to {pair.sign_in_host} to sign in" in text_of(page)
    [box] = boxes(page)
    credential = Credential.objects.get()
    assert credential.is_live
    assert pair.sign_in.seen == []

    asked = str(ImageCheck.objects.get().pk)
    again = member.post(CHECK, {"confirms": asked}, headers=HTMX)
    assert "Tick the box to confirm" in text_of(again)
    assert boxes(again) == [box]
    assert member.post(CHECK, {"confirms": asked}).status_code == 422
    assert member.post(CHECK, {"confirms": "none"}).status_code == 404
    assert ImageCheck.objects.count() == 1, "without the tick it would only ask the same"

    page = checked(member, pair, credential=str(credential.pk), sign_in_host=box)
    assert "This image can be pulled" in text_of(page)
    assert boxes(page) == []
    credential.refresh_from_db()
    assert credential.sign_in_host == pair.sign_in_host
    assert credential.used_hosts == [pair.sign_in_host]

    receipt = text_of(member.get(f"/o/acme/registries/{credential.pk}/"))
    assert f"Signs in at {pair.sign_in_host}" in receipt
    assert f"Sent to {pair.sign_in_host} and no other host" in receipt
    [record] = Activity.objects.filter(action="credential.sign_in_host_confirmed").select_related("text")
    assert record.text.detail == f"{pair.registry.host} signs in at {pair.sign_in_host}"

    pair.sign_in.seen.clear()
    pair.registry.realm = f"https://127.0.0.2:{pair.sign_in.port}/token"
    page = checked(member, pair, credential=str(credential.pk))
    assert f"Send the credential to 127.0.0.2:{pair.sign_in.port} to sign in" in text_of(page)
    assert pair.sign_in.seen == []


def test_without_the_tick_nothing_is_sent(member: Client, acme: Organization, pair: SignInPair) -> None:
    credential = make_credential(acme, pair.registry.host)
    for _ in range(2):
        assert len(boxes(checked(member, pair, credential=str(credential.pk)))) == 1
    assert pair.sign_in.seen == []
    assert Credential.objects.get().used_hosts == []


def test_the_next_credential_of_that_registry_can_be_confirmed_at_once(
    member: Client, acme: Organization, pair: SignInPair
) -> None:
    """It need not fail first, and it is sealed with the host."""
    make_credential(acme, pair.registry.host, sign_in_host=pair.sign_in_host)
    reading = member.post("/o/acme/default/groups/new/read/", {"image": f"{pair.registry.host}/team/app:1.0"})
    [box] = boxes(reading)
    page = checked(member, pair, **TYPED, sign_in_host=box)
    assert "This image can be pulled" in text_of(page)
    row = Credential.objects.exclude(name="registry").get()
    assert row.sealed is not None
    assert row.epoch is not None
    opened = unseal(bytes(row.sealed), epoch=row.epoch, credential_id=row.pk)
    assert opened.binding.sign_in_host == pair.sign_in_host


def test_a_failed_pull_asks_too_and_keeps_the_credential(
    transactional_db: None, member: Client, viewer: Client, acme: Organization, pair: SignInPair, blobs: Any
) -> None:
    credential = make_credential(acme, pair.registry.host)
    sent = {"image": f"{pair.registry.host}/team/app:1.0", "credential": str(credential.pk), "name": "web"}
    settings = {"replicas": "1", "cpu": "1", "memory_mb": "1024", "restart_policy": "always"}
    member.post("/o/acme/default/groups/new/", {**sent, **settings})
    jobs.pull(str(Image.objects.get().pk))
    group, failure = ContainerGroup.objects.get(), Failure.objects.get()
    assert (group.status, failure.code) == ("failed", "host_not_allowed")
    credential.refresh_from_db()
    assert credential.is_live

    for place in (at(group, "detail"), at(group, "failure", failure.pk)):
        page = member.get(place)
        assert "Confirm and try again" in text_of(page)
        assert set(boxes(page)) == {failure.params["sign_in_offer"]}
        assert boxes(viewer.get(place)) == []

    member.post(at(group, "retry"), {"use": str(credential.pk), "sign_in_host": boxes(page)[0]})
    jobs.pull(str(Image.objects.get().pk))
    group.refresh_from_db()
    assert group.status == "stopped"
    credential.refresh_from_db()
    assert (credential.is_held, credential.used_hosts) == (False, [pair.sign_in_host])


def test_a_writer_of_the_database_has_nobody_asked_about_his_host(
    member: Client, acme: Organization, pair: SignInPair
) -> None:
    credential = make_credential(acme, pair.registry.host)
    checked(member, pair, credential=str(credential.pk))
    row = ImageCheck.objects.get()
    mark = str(row.params["sign_in_offer"]).partition(" ")[2]
    elsewhere = offer_of("thief.example.com", organization_id=acme.pk, registry="registry.thief.example.com")
    for offer in (f"thief.example.com {mark}", "thief.example.com", elsewhere):
        ImageCheck.objects.update(params={**row.params, "met": "thief.example.com", "sign_in_offer": offer})
        assert boxes(member.get(f"{CHECK}{row.pk}/")) == []
        checked(member, pair, credential=str(credential.pk), sign_in_host=offer)
        assert Credential.objects.get().sign_in_host == ""


@pytest.mark.parametrize("column", ["sign_in_host", "sign_in_mark"])
def test_nor_does_one_choose_it(column: str, member: Client, acme: Organization, pair: SignInPair) -> None:
    """The credential goes nowhere, and a host that nobody confirmed is not proposed for the next one."""
    credential = make_credential(acme, pair.registry.host, sign_in_host="git.example.com")
    changed = {"sign_in_host": pair.sign_in_host} if column == "sign_in_host" else {"sign_in_mark": "x" * 43}
    Credential.objects.update(**changed)
    reading = member.post("/o/acme/default/groups/new/read/", {"image": f"{pair.registry.host}/team/app:1.0"})
    assert boxes(reading) == []
    checked(member, pair, credential=str(credential.pk))
    assert {one.kind for one in pair.sign_in.seen} <= {""}  # whether the image is public is asked without it
    expected = "credential_tampered" if column == "sign_in_host" else "host_not_allowed"  # the sealed host still counts
    assert ImageCheck.objects.get().code == expected


def test_an_answer_is_for_its_organization_and_registry(acme: Organization) -> None:
    data = QueryDict(mutable=True)
    data.appendlist("sign_in_host", "git.example.com")
    data.appendlist("sign_in_host", offer_of("git.example.com", organization_id=acme.pk, registry="registry.example"))
    right: dict[str, Any] = {"organization_id": acme.pk, "registry": "registry.example"}
    assert confirmed_host(data, **right) == "git.example.com"
    assert confirmed_host(data, **right | {"registry": "other.example"}) == ""
    assert confirmed_host(data, **right | {"organization_id": acme.pk + 1}) == ""
    assert confirmed_host(QueryDict(), **right) == ""
