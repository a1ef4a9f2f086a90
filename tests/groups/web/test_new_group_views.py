"""The page of a new group: what is typed there, read back, and kept."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from groups.models import ContainerGroup, Node
from groups.rules.group_settings import NameTaken
from groups.rules.sealed_settings import open_environment
from registries.models import Credential
from tests.support.group_pages import FILLED_IN, HOST, IMAGE, LIST, NEW, TOKEN, at, group, text_of
from tests.support.pulls import SECRET, make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
__all__ = ["group"]


def test_a_group_is_made_from_the_form(member: Client, project: Any, bob: Any) -> None:
    credential = make_credential(project.organization, HOST)

    done = member.post(NEW, FILLED_IN | {"credential": str(credential.pk)})

    group = ContainerGroup.objects.get(project=project)
    assert (done.status_code, done["Location"]) == (302, at(group, "detail"))
    assert (group.status, group.replicas, group.command) == ("pending", 2, ["serve", "--port", "80"])
    assert (group.image.credential, group.created_by) == (credential, bob)
    assert open_environment(group) == {"TOKEN": "canary-environment"}


def test_a_credential_that_was_typed_for_another_image_is_neither_offered_nor_taken(
    member: Client, project: Any
) -> None:
    typed = make_credential(project.organization, HOST, repository="somebody/else")

    page = member.post(NEW, FILLED_IN | {"credential": str(typed.pk)})
    offered = member.get(f"{LIST}new/read/", {"image": IMAGE})

    assert page.status_code == 422
    assert "entered for somebody/else and is used for no other" in text_of(page)
    assert str(typed.pk) not in offered.content.decode()
    assert not ContainerGroup.objects.exists()


def test_a_mistake_keeps_the_input_and_names_the_fix(member: Client) -> None:
    page = member.post(NEW, FILLED_IN | {"image": f"http://{IMAGE}", "name": "kept-name", "command": "echo 'open"})

    assert page.status_code == 422
    for word in ("Leave out http:// or https://", "quot"):
        assert word in text_of(page)
    for value in (f"http://{IMAGE}", "kept-name"):
        assert f'value="{value}"' in page.content.decode()
    assert not ContainerGroup.objects.exists()


def test_markup_in_what_was_typed_stays_text(member: Client) -> None:
    page = member.post(
        NEW, FILLED_IN | {"image": "<script>alert(1)</script>", "name": '"><img src=x onerror=alert(1)>'}
    )

    assert page.status_code == 422
    assert "<script>alert(1)" not in page.content.decode()
    assert "<img src=x" not in page.content.decode()


def test_sent_twice_makes_one_group(member: Client) -> None:
    assert member.post(NEW, FILLED_IN).status_code == 302
    again = member.post(NEW, FILLED_IN)

    assert again.status_code == 422
    assert "group of this name" in text_of(again)
    assert ContainerGroup.objects.count() == 1


def test_a_name_that_is_taken_in_between_is_an_error_of_its_field(
    member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(**values: Any) -> None:
        raise NameTaken

    monkeypatch.setattr("groups.actions.lifecycle.create", taken)
    page = member.post(NEW, FILLED_IN)

    assert page.status_code == 422
    assert "group of this name" in text_of(page)


def test_the_form_offers_own_credentials_and_takes_the_one_from_the_address(
    member: Client, project: Any, mallory: Any
) -> None:
    mine = make_credential(project.organization, HOST)
    others = make_credential(mallory.organizations.get(), "umbrella.example.com")

    page = member.get(NEW, {"credential": str(mine.pk)}).content.decode()
    assert re.search(rf'value="{mine.pk}"[^>]*\sselected', page)
    assert str(others.pk) not in page
    assert "umbrella.example.com" not in page
    for odd in ("x", "<script>", str(others.pk)):
        assert member.get(NEW, {"credential": odd, "image": odd, "from": odd}).status_code == 200


def test_another_organizations_credential_reads_as_one_that_never_was(
    member: Client, project: Any, mallory: Any
) -> None:
    others = make_credential(mallory.organizations.get(), HOST)

    texts = set()
    for pk in (str(others.pk), str(uuid.uuid4())):
        page = member.post(NEW, FILLED_IN | {"credential": pk})
        assert page.status_code == 422
        texts.add(text_of(page).replace(pk, ""))
    assert len(texts) == 1


TYPED = {"credential": "new", "new-username": "deploy", "new-password": SECRET}


def test_a_group_is_made_with_a_credential_typed_beside_its_image(member: Client, project: Any, bob: Any) -> None:
    answer = member.post(NEW, FILLED_IN | TYPED)

    assert answer.status_code == 302
    group, credential = ContainerGroup.objects.get(), Credential.objects.get()
    assert group.image.credential == credential
    assert (credential.host, credential.provider, credential.hold) == (HOST, "self_hosted", "pull")
    assert (credential.name, credential.created_by) == (f"deploy at {HOST}", bob)
    assert SECRET not in str(credential.fields)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"new-password": ""}, "Enter the password"),
        ({"new-username": ""}, "Enter the user name"),
        ({"new-password": f" {SECRET}"}, "blank"),
        ({"image": "no image at all"}, ""),
        ({"name": "NO"}, "lower-case"),
    ],
)
def test_a_slip_keeps_no_credential_and_echoes_no_secret(
    member: Client, project: Any, sent: dict[str, str], said: str
) -> None:
    page = member.post(NEW, FILLED_IN | TYPED | sent)

    assert page.status_code == 422
    assert said in text_of(page)
    assert SECRET not in page.content.decode()
    assert not Credential.objects.exists()
    assert not ContainerGroup.objects.exists()


def test_a_name_that_is_taken_in_the_last_moment_keeps_no_credential(
    member: Client, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(**values: Any) -> None:
        raise NameTaken

    monkeypatch.setattr("groups.web.new_group_views.lifecycle.create", taken)

    assert member.post(NEW, FILLED_IN | TYPED).status_code == 422
    assert not Credential.objects.exists()


def test_a_group_is_duplicated_without_its_values(member: Client, group: ContainerGroup) -> None:
    make_group(group.project, IMAGE, name="web-2")

    page = member.get(NEW, {"from": "web"})

    initial = page.context["form"].initial
    assert (initial["name"], initial["image"], initial["replicas"]) == ("web-3", IMAGE, 2)
    assert initial["environment"] == "# TOKEN=\n"
    assert "canary-environment" not in page.content.decode()
    assert member.post(NEW, {**FILLED_IN, **initial, "credential": "", "autostart": ""}).status_code == 302
    assert open_environment(ContainerGroup.objects.get(name="web-3")) == {}


@pytest.mark.parametrize(
    "sent",
    [
        {"image": TOKEN},
        {"image": f"{HOST}/team/app:{TOKEN}"},
        {"image": f"deploy:{TOKEN}@{HOST}/team/app"},
        {"image": f"docker login {HOST} -u deploy -p {TOKEN}"},
        {"name": TOKEN},
        {"gpu": TOKEN},
        {"replicas": TOKEN},
        {"command": f"python app.py --token {TOKEN}"},
        {"new-username": TOKEN},
    ],
    ids=lambda sent: " ".join(sent),
)
def test_a_token_in_a_field_that_is_shown(member: Client, project: Any, sent: dict[str, str]) -> None:
    page = member.post(NEW, FILLED_IN | TYPED | sent)

    assert page.status_code == 422
    assert TOKEN not in page.text
    assert "token" in text_of(page).lower()
    assert not ContainerGroup.objects.exists()


def test_mistakes_in_both_forms_are_counted_together(member: Client) -> None:
    typed = {"credential": "new", "new-username": "deploy", "new-password": ""}

    both = text_of(member.post(NEW, FILLED_IN | typed | {"name": "No Name"}))
    beside = text_of(member.post(NEW, FILLED_IN | typed))
    secret = text_of(member.post(NEW, FILLED_IN | typed | {"new-password": SECRET, "name": "No Name"}))

    assert "Not created yet: 2 fields below need a change." in both
    assert "Not created yet: 1 field below needs a change." in beside
    assert "Not created yet: 1 field below needs a change." in secret
    assert "Enter it again: secrets are never shown." in secret
    assert "Enter it again" not in both


def test_a_command_loses_only_its_secret(member: Client, project: Any) -> None:
    page = member.post(NEW, FILLED_IN | TYPED | {"command": f"python app.py --key {TOKEN} --port 80"})

    assert "python app.py --key [removed] --port 80" in text_of(page) + page.text


def test_a_token_in_the_environment_is_where_it_belongs(member: Client, project: Any) -> None:
    assert member.post(NEW, FILLED_IN | TYPED | {"environment": f"GITHUB_TOKEN={TOKEN}"}).status_code == 302


def a_node(platform: str) -> None:
    Node.objects.create(name=platform, public_key=platform, platform=platform, last_seen_at=timezone.now())


def test_a_platform_can_be_chosen_where_nodes_have_several(member: Client, project: Any) -> None:
    a_node("linux/amd64/v3")
    assert 'name="platform"' not in member.get(NEW).content.decode(), "there is no choice"
    a_node("linux/amd64")
    assert 'name="platform"' not in member.get(NEW).content.decode()
    a_node("linux/arm64")
    page = member.get(f"{NEW}?platform=linux/arm64").content.decode()
    assert re.findall(r'<option value="(linux[^"]*)"( selected)?', page) == [
        ("linux/amd64", ""),
        ("linux/arm64", " selected"),
    ]

    member.post(NEW, FILLED_IN | {"platform": "linux/arm64"})
    member.post(NEW, FILLED_IN | {"platform": "", "name": "automatic"})

    images = {group.name: group.image for group in ContainerGroup.objects.select_related("image")}
    assert {name: image.chosen_platform for name, image in images.items()} == {"web": "linux/arm64", "automatic": ""}
    again = member.get(f"{NEW}?from=web").content.decode()
    assert '<option value="linux/arm64" selected' in again


def test_a_platform_that_no_node_has_is_refused(member: Client, project: Any) -> None:
    for platform in ("linux/amd64", "linux/arm64"):
        a_node(platform)
    page = member.post(NEW, FILLED_IN | {"platform": "linux/s390x"})
    assert page.status_code == 422
    assert "No node has this platform now." in text_of(page)


def test_without_javascript_the_fields_of_the_registry_are_asked_for(member: Client, project: Any) -> None:
    """Nothing is created yet, and what was entered stays; only the environment may hold secrets."""
    sent = FILLED_IN | {"credential": "", "fields": "show", "environment": "KEY=canary-password", "autostart": "on"}

    page = member.post(NEW, sent)

    assert page.status_code == 200
    assert page.context["chosen"] == "new"
    assert 'name="new-password"' in page.text
    for name in ("image", "name", "replicas"):
        assert page.context["form"][name].value() == FILLED_IN[name]
    assert page.context["form"]["autostart"].value() == "on"
    assert "canary-password" not in page.text
    assert not ContainerGroup.objects.exists()
