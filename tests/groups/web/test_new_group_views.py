"""The page of a new group: what is typed there, read back, and kept."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from groups.models import ContainerGroup, Node
from groups.rules.group_settings import NameTaken
from groups.rules.sealed_settings import open_environment
from registries.models import Credential
from tests.support.group_pages import HOST, IMAGE, LIST, at, group, text_of
from tests.support.pulls import SECRET, make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
__all__ = ["group"]
NEW = f"{LIST}new/"
GOOD = {
    "image": IMAGE,
    "credential": "",
    "name": "web",
    "replicas": "2",
    "cpu": "1",
    "memory_mb": "1024",
    "restart_policy": "always",
    "environment": "TOKEN=canary-environment",
    "command": "serve --port 80",
}


def test_a_group_is_made_from_the_form(member: Client, project: Any, bob: Any) -> None:
    credential = make_credential(project.organization, HOST)

    done = member.post(NEW, GOOD | {"credential": str(credential.pk)})

    group = ContainerGroup.objects.get(project=project)
    assert (done.status_code, done["Location"]) == (302, at(group, "detail"))
    assert (group.status, group.replicas, group.command) == ("pending", 2, ["serve", "--port", "80"])
    assert (group.image.credential, group.created_by) == (credential, bob)
    assert open_environment(group) == {"TOKEN": "canary-environment"}


def test_a_credential_that_was_typed_for_another_image_is_neither_offered_nor_taken(
    member: Client, project: Any
) -> None:
    typed = make_credential(project.organization, HOST, repository="somebody/else")

    page = member.post(NEW, GOOD | {"credential": str(typed.pk)})
    offered = member.get(f"{LIST}new/read/", {"image": IMAGE})

    assert page.status_code == 422
    assert "entered for somebody/else and is used for no other" in text_of(page)
    assert str(typed.pk) not in offered.content.decode()
    assert not ContainerGroup.objects.exists()


def test_a_mistake_keeps_the_input_and_names_the_fix(member: Client) -> None:
    page = member.post(NEW, GOOD | {"image": f"http://{IMAGE}", "name": "kept-name", "command": "echo 'open"})

    assert page.status_code == 422
    for word in ("Leave out http:// or https://", "quot"):
        assert word in text_of(page)
    for value in (f"http://{IMAGE}", "kept-name"):
        assert f'value="{value}"' in page.content.decode()
    assert not ContainerGroup.objects.exists()


def test_markup_in_what_was_typed_stays_text(member: Client) -> None:
    page = member.post(NEW, GOOD | {"image": "<script>alert(1)</script>", "name": '"><img src=x onerror=alert(1)>'})

    assert page.status_code == 422
    assert "<script>alert(1)" not in page.content.decode()
    assert "<img src=x" not in page.content.decode()


def test_sent_twice_makes_one_group(member: Client) -> None:
    assert member.post(NEW, GOOD).status_code == 302
    again = member.post(NEW, GOOD)

    assert again.status_code == 422
    assert "group of this name" in text_of(again)
    assert ContainerGroup.objects.count() == 1


def test_a_name_that_is_taken_in_between_is_an_error_of_its_field(
    member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(**values: Any) -> None:
        raise NameTaken

    monkeypatch.setattr("groups.actions.lifecycle.create", taken)
    page = member.post(NEW, GOOD)

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
        page = member.post(NEW, GOOD | {"credential": pk})
        assert page.status_code == 422
        texts.add(text_of(page).replace(pk, ""))
    assert len(texts) == 1


def test_a_reference_is_read_back_as_its_parts(member: Client, project: Any) -> None:
    credential = make_credential(project.organization, HOST)
    read = reverse("groups:read", args=["acme", "default"])

    page = member.get(read, {"image": IMAGE})
    for part in (HOST, "team/app", "1.0", str(credential.pk)):
        assert part in page.content.decode()
    assert "docker.io" in text_of(member.get(read, {"image": "ubuntu"}))
    for odd in ("", "http://x", "a:b:c", "<b>", "x" * 3000):
        answer = member.get(read, {"image": odd})
        assert answer.status_code == 200
        assert "<b>" not in answer.content.decode()


def test_a_reading_brings_the_fields_of_that_registry(member: Client, acme: Any) -> None:
    read = reverse("groups:read", args=["acme", "default"])

    def asked(image: str) -> tuple[set[str], str]:
        page = member.get(read, {"image": image}).content.decode()
        chosen = re.findall(r'<option value="([^"]*)" selected', page)
        return set(re.findall(r'name="(new-[a-z_]+)"', page)) - {"new-paste", "new-fix"}, *chosen

    assert asked(IMAGE) == ({"new-username", "new-password", "new-ca", "new-ca_file"}, "new")
    assert asked("ghcr.io/acme/app") == ({"new-username", "new-password"}, "new")
    assert "new-secret_access_key" in asked("123456789012.dkr.ecr.eu-central-1.amazonaws.com/app")[0]
    assert asked("ubuntu")[1] == ""
    assert asked("acme/private")[1] == "new"
    assert reverse("registries:guide", args=["acme", "ghcr"]) in member.get(read, {"image": "ghcr.io/a/b"}).text


TYPED = {"credential": "new", "new-username": "deploy", "new-password": SECRET}


def test_a_group_is_made_with_a_credential_typed_beside_its_image(member: Client, project: Any, bob: Any) -> None:
    answer = member.post(NEW, GOOD | TYPED)

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
    page = member.post(NEW, GOOD | TYPED | sent)

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

    assert member.post(NEW, GOOD | TYPED).status_code == 422
    assert not Credential.objects.exists()


def test_a_group_is_duplicated_without_its_values(member: Client, group: ContainerGroup) -> None:
    make_group(group.project, IMAGE, name="web-2")

    page = member.get(NEW, {"from": "web"})

    initial = page.context["form"].initial
    assert (initial["name"], initial["image"], initial["replicas"]) == ("web-3", IMAGE, 2)
    assert initial["environment"] == "# TOKEN=\n"
    assert "canary-environment" not in page.content.decode()
    assert member.post(NEW, {**GOOD, **initial, "credential": "", "autostart": ""}).status_code == 302
    assert open_environment(ContainerGroup.objects.get(name="web-3")) == {}


TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"


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
    page = member.post(NEW, GOOD | TYPED | sent)

    assert page.status_code == 422
    assert TOKEN not in page.text
    assert "token" in text_of(page).lower()
    assert not ContainerGroup.objects.exists()


def test_mistakes_in_both_forms_are_counted_together(member: Client) -> None:
    typed = {"credential": "new", "new-username": "deploy", "new-password": ""}

    both = text_of(member.post(NEW, GOOD | typed | {"name": "No Name"}))
    beside = text_of(member.post(NEW, GOOD | typed))
    secret = text_of(member.post(NEW, GOOD | typed | {"new-password": SECRET, "name": "No Name"}))

    assert "Not created yet: 2 fields below need a change." in both
    assert "Not created yet: 1 field below needs a change." in beside
    assert "Not created yet: 1 field below needs a change." in secret
    assert "Enter it again: secrets are never shown." in secret
    assert "Enter it again" not in both


def test_a_command_loses_only_its_secret(member: Client, project: Any) -> None:
    page = member.post(NEW, GOOD | TYPED | {"command": f"python app.py --key {TOKEN} --port 80"})

    assert "python app.py --key [removed] --port 80" in text_of(page) + page.text


def test_a_token_in_the_environment_is_where_it_belongs(member: Client, project: Any) -> None:
    assert member.post(NEW, GOOD | TYPED | {"environment": f"GITHUB_TOKEN={TOKEN}"}).status_code == 302


@pytest.mark.parametrize(
    "image",
    [
        "public.ecr.aws/docker/library/nginx:1.27",
        "mcr.microsoft.com/dotnet/aspnet:8.0",
        "registry.k8s.io/pause:3.10",
        "gcr.io/distroless/static-debian12",
        "lscr.io/linuxserver/nginx",
    ],
)
def test_no_credential_is_preselected_for_a_public_registry(member: Client, project: Any, image: str) -> None:
    page = member.get(reverse("groups:read", args=["acme", "default"]), {"image": image})

    assert '<option value="" selected>' in page.text
    assert "are public. None is needed" in page.text


def test_one_is_for_the_rest_of_a_shared_host(member: Client, project: Any) -> None:
    page = member.get(reverse("groups:read", args=["acme", "default"]), {"image": "gcr.io/acme-prod/app"})

    assert '<option value="new" selected>' in page.text
    assert "Service account key" in page.text


def test_a_reading_repeats_no_token(member: Client, acme: Any) -> None:
    read = reverse("groups:read", args=["acme", "default"])
    for text in (TOKEN, f"{HOST}/team/app:{TOKEN}", f"docker login -u a -p {TOKEN}"):
        for answer in (member.post(read, {"image": text}), member.get(read, {"image": text})):
            assert answer.status_code == 200
            assert TOKEN not in answer.text
    assert TOKEN not in member.get(NEW, {"image": f"{HOST}/team/app:{TOKEN}", "name": TOKEN}).text


def test_what_is_typed_is_read_by_post_and_a_credential_that_fits_is_chosen(member: Client, acme: Any) -> None:
    credential = make_credential(acme, HOST)

    page = member.post(reverse("groups:read", args=["acme", "default"]), {"image": IMAGE})

    assert re.findall(r'<option value="([^"]*)" selected', page.text) == [str(credential.pk)]


def test_a_login_is_read_beside_an_image(member: Client, project: Any) -> None:
    line = f"docker login {HOST} -u deploy -p {SECRET}"

    answer = member.post(NEW, GOOD | {"credential": "new", "new-username": line, "new-password": ""})

    assert answer.status_code == 302
    assert Credential.objects.get().fields == {"username": "deploy"}


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

    member.post(NEW, GOOD | {"platform": "linux/arm64"})
    member.post(NEW, GOOD | {"platform": "", "name": "automatic"})

    images = {group.name: group.image for group in ContainerGroup.objects.select_related("image")}
    assert {name: image.chosen_platform for name, image in images.items()} == {"web": "linux/arm64", "automatic": ""}
    again = member.get(f"{NEW}?from=web").content.decode()
    assert '<option value="linux/arm64" selected' in again


def test_a_platform_that_no_node_has_is_refused(member: Client, project: Any) -> None:
    for platform in ("linux/amd64", "linux/arm64"):
        a_node(platform)
    page = member.post(NEW, GOOD | {"platform": "linux/s390x"})
    assert page.status_code == 422
    assert "No node has this platform now." in text_of(page)


def test_of_a_command_only_the_image_is_kept(member: Client, project: Any) -> None:
    """LaMachine#170: a docker run command is what instructions give."""
    command = f"docker run -d -e DB_PASSWORD={SECRET} -p 80:80 {IMAGE} serve"

    page = member.post(NEW, GOOD | {"image": command, "name": "No Name"})
    read = member.post(reverse("groups:read", args=["acme", "default"]), {"image": command})
    link = member.get(NEW, {"image": command})
    unread = member.post(NEW, GOOD | {"image": f"docker run -e DB_PASSWORD={SECRET} $IMAGE"})

    for answer in (page, read, link, unread):
        assert SECRET not in answer.text
    for answer in (page, link):
        assert f'value="{IMAGE}"' in answer.text
    assert "team/app" in read.text
    assert "Only the image is taken" in read.text
    assert "only your shell knows" in unread.text
    assert member.post(NEW, GOOD | {"image": command}).status_code == 302
    assert ContainerGroup.objects.get().image.reference == IMAGE


def test_of_several_logins_the_nearest_one_is_taken_and_two_alike_are_asked_about(member: Client, project: Any) -> None:
    """containers/image#981: robots of two organizations of one registry."""
    keys = {HOST: "wide", f"{HOST}/team": "near", f"{HOST}/other": "far"}
    auths: dict[str, Any] = {key: {"username": user, "password": SECRET} for key, user in keys.items()}
    twice = {f"https://{HOST}/v2/team": {"username": "twin", "password": SECRET}}
    paste = GOOD | {"credential": "new", "new-username": "", "new-password": ""}

    page = member.post(NEW, paste | {"new-paste": json.dumps({"auths": auths | twice})})
    assert page.status_code == 422
    assert f"{HOST}/team, user twin" in page.text
    assert SECRET not in page.text

    assert member.post(NEW, paste | {"new-paste": json.dumps({"auths": auths})}).status_code == 302
    assert Credential.objects.get().fields == {"username": "near"}


def test_what_was_pasted_first_only_fills_the_image(member: Client, project: Any) -> None:
    """A command may contain more than the image: it is sent by POST, so that nothing of it is in an address."""
    pasted = f"docker run -e PASSWORD=canary-password --name web {IMAGE}"

    page = member.post(NEW, {"first": pasted})

    assert page.status_code == 200
    assert IMAGE in page.content.decode()
    assert "canary-password" not in page.content.decode()
    assert not ContainerGroup.objects.exists()


def test_without_groups_an_image_is_asked_for_by_post(member: Client, project: Any) -> None:
    form = re.search(r'<form class="first-image"[^>]*>', member.get(LIST).content.decode())

    assert form is not None
    assert 'method="post"' in form[0]
    assert NEW in form[0]


def test_without_javascript_the_fields_of_the_registry_are_asked_for(member: Client, project: Any) -> None:
    """Nothing is created yet, and what was entered stays; only the environment may hold secrets."""
    sent = GOOD | {"credential": "", "fields": "show", "environment": "KEY=canary-password", "autostart": "on"}

    page = member.post(NEW, sent)

    assert page.status_code == 200
    assert page.context["chosen"] == "new"
    assert 'name="new-password"' in page.text
    for name in ("image", "name", "replicas"):
        assert page.context["form"][name].value() == GOOD[name]
    assert page.context["form"]["autostart"].value() == "on"
    assert "canary-password" not in page.text
    assert not ContainerGroup.objects.exists()
