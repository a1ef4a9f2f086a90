"""What is typed or pasted as an image or a login is read, and nothing else of it is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.models import ContainerGroup
from registries.models import Credential
from tests.support.group_pages import FILLED_IN, HOST, IMAGE, LIST, NEW, TOKEN, group, text_of
from tests.support.pulls import SECRET, make_credential

pytestmark = pytest.mark.usefixtures("no_redis")
__all__ = ["group"]


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

    answer = member.post(NEW, FILLED_IN | {"credential": "new", "new-username": line, "new-password": ""})

    assert answer.status_code == 302
    assert Credential.objects.get().fields == {"username": "deploy"}


def test_of_a_command_only_the_image_is_kept(member: Client, project: Any) -> None:
    """LaMachine#170: a docker run command is what instructions give."""
    command = f"docker run -d -e DB_PASSWORD={SECRET} -p 80:80 {IMAGE} serve"

    page = member.post(NEW, FILLED_IN | {"image": command, "name": "No Name"})
    read = member.post(reverse("groups:read", args=["acme", "default"]), {"image": command})
    link = member.get(NEW, {"image": command})
    unread = member.post(NEW, FILLED_IN | {"image": f"docker run -e DB_PASSWORD={SECRET} $IMAGE"})

    for answer in (page, read, link, unread):
        assert SECRET not in answer.text
    for answer in (page, link):
        assert f'value="{IMAGE}"' in answer.text
    assert "team/app" in read.text
    assert "Only the image is taken" in read.text
    assert "only your shell knows" in unread.text
    assert member.post(NEW, FILLED_IN | {"image": command}).status_code == 302
    assert ContainerGroup.objects.get().image.reference == IMAGE


def test_of_several_logins_the_nearest_one_is_taken_and_two_alike_are_asked_about(member: Client, project: Any) -> None:
    """containers/image#981: robots of two organizations of one registry."""
    keys = {HOST: "wide", f"{HOST}/team": "near", f"{HOST}/other": "far"}
    auths: dict[str, Any] = {key: {"username": user, "password": SECRET} for key, user in keys.items()}
    twice = {f"https://{HOST}/v2/team": {"username": "twin", "password": SECRET}}
    paste = FILLED_IN | {"credential": "new", "new-username": "", "new-password": ""}

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
