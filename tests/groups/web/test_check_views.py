"""Checks from pages: started from both forms, watched, and shown to nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from groups.actions import checks
from groups.models import ContainerGroup, Failure, ImageCheck, Node
from registries.models import Credential
from tests.support.check_pages import CHECK, FOUND, HOST, HTMX, finished, start
from tests.support.pulls import SECRET, USER, make_credential, make_group
from tests.support.seals import unsealed


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Wake-ups that were sent."""
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: sent.append(job))
    return sent


@pytest.fixture
def credential(acme: Any) -> Credential:
    return make_credential(acme, HOST)


def test_a_check_is_started_and_watched(
    member: Client, credential: Credential, django_capture_on_commit_callbacks: Any, woken: list[tuple[str, ...]]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = start(member, credential=str(credential.pk))

    row = ImageCheck.objects.get()
    assert answer.status_code == 200
    assert woken == [("checks", "check", str(row.pk))]
    assert (row.reference, row.provider, row.credential) == (f"{HOST}/team/app:1.0", "self_hosted", credential)
    text = answer.content.decode()
    assert f'hx-get="{CHECK}{row.pk}/"' in text
    assert 'hx-trigger="every 1s"' in text
    assert "Waiting for a worker" in text
    assert SECRET not in text


def test_what_was_typed_is_in_no_cache_and_no_report(member: Client) -> None:
    answer = start(member)

    assert "no-store" in answer["Cache-Control"]
    assert getattr(answer.wsgi_request, "sensitive_post_parameters", None) == "__ALL__"


def test_another_projects_group_of_that_name_is_not_compared(member: Client, acme: Any, mallory: Any) -> None:
    for project in (acme.projects.create(slug="night", name="Night"), mallory.organizations.get().projects.get()):
        make_group(project, f"{HOST}/team/app:1.0", name="render")

    start(member, against="render")

    assert ImageCheck.objects.get().against is None


def test_it_is_polled_until_it_is_over(member: Client, credential: Credential) -> None:
    start(member, credential=str(credential.pk))
    address = f"{CHECK}{ImageCheck.objects.get().pk}/"
    assert member.get(address, headers=HTMX).status_code == 200

    finished("done", **FOUND)
    answer = member.get(address, headers=HTMX)

    assert answer.status_code == 286
    assert answer["HX-Trigger"] == "check-over"
    text = answer.content.decode()
    assert "hx-get" not in text
    assert "This image can be pulled" in text
    assert "RUN pip install torch" in text
    assert "3 GB of at most 10 GB" in text
    assert str(FOUND["digest"]) in text
    assert ">76<" in text
    assert f'data-value="{HOST}/team/app:1.1"' in text
    assert f'data-value="{HOST}/team/app@{FOUND["digest"]}"' in text
    assert "<html" not in text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"image": ""}, "Enter an image"),
        ({"image": "https://x.example/a"}, "shown to no"),
        ({"image": "other.example.com/team/app"}, "shown to no"),
        ({"credential": "00000000-0000-4000-8000-000000000000"}, "no longer here"),
        ({"credential": "nonsense"}, "not a valid"),
    ],
)
def test_what_can_not_be_checked_is_said_at_once(
    member: Client, credential: Credential, data: dict[str, str], text: str
) -> None:
    answer = start(member, **({"credential": str(credential.pk)} | data))

    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert not ImageCheck.objects.exists()


def test_too_many_at_once(member: Client, credential: Credential) -> None:
    for _ in range(checks.MAX_AT_ONCE):
        start(member)

    assert "already in progress" in start(member).content.decode()
    assert ImageCheck.objects.count() == checks.MAX_AT_ONCE


def test_without_javascript_it_has_a_page_of_its_own(member: Client, credential: Credential) -> None:
    answer = start(member, None, credential=str(credential.pk))

    row = ImageCheck.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"{CHECK}{row.pk}/"
    page = member.get(answer["Location"])
    assert page.status_code == 200
    assert "<html" in page.content.decode()
    assert start(member, None, image="").status_code == 422


@pytest.mark.parametrize(
    ("typed", "reference"),
    [
        ("team/app:1.0", f"{HOST}/team/app:1.0"),
        ("app", f"{HOST}/app:latest"),
        (f"{HOST}/team/app:2.0", f"{HOST}/team/app:2.0"),
    ],
)
def test_a_credential_is_tried_on_a_repository(
    member: Client, credential: Credential, typed: str, reference: str
) -> None:
    page = member.get(reverse("registries:detail", args=["acme", credential.pk])).content.decode()
    assert "Try it on an image" in page
    assert SECRET not in page

    member.post(CHECK, {"repository": typed, "host": HOST, "credential": str(credential.pk)}, headers=HTMX)

    assert ImageCheck.objects.get().reference == reference


def test_another_host_is_not_asked_with_it(member: Client, credential: Credential) -> None:
    data = {"repository": "evil.example.com/app", "host": "evil.example.com", "credential": str(credential.pk)}

    assert "shown to no" in member.post(CHECK, data, headers=HTMX).content.decode()
    assert not ImageCheck.objects.exists()


def test_viewers_and_strangers(member: Client, credential: Credential, carol: Any, mallory: Any, as_user: Any) -> None:
    start(member)
    row = ImageCheck.objects.get()

    assert start(as_user(carol)).status_code == 403
    assert as_user(carol).get(f"{CHECK}{row.pk}/").status_code == 403
    assert start(as_user(mallory)).status_code == 404
    assert as_user(mallory).get(f"{CHECK}{row.pk}/").status_code == 404
    assert as_user(mallory).get(f"/o/umbrella/default/groups/new/check/{row.pk}/").status_code == 404
    theirs = {"image": f"{HOST}/team/app", "credential": str(credential.pk)}
    assert (
        "no longer here"
        in as_user(mallory).post("/o/umbrella/default/groups/new/check/", theirs, headers=HTMX).content.decode()
    )
    assert ImageCheck.objects.count() == 1
    detail = as_user(carol).get(reverse("registries:detail", args=["acme", credential.pk])).content.decode()
    assert "Try it on an image" not in detail


def test_a_request_from_elsewhere_is_refused(bob: Any, credential: Credential) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")

    assert start(client).status_code == 403
    assert not ImageCheck.objects.exists()


def test_no_credential_can_be_asked_for_by_address(member: Client, credential: Credential) -> None:
    new = "/o/acme/default/groups/new/"
    chosen = f'<option value="{credential.pk}" selected>'

    assert chosen in member.get(new, {"image": f"{HOST}/a"}).content.decode()
    assert chosen not in member.get(new, {"image": f"{HOST}/a", "credential": "none"}).content.decode()


def test_a_pull_that_failed_on_a_public_image_offers_to_go_without(
    member: Client, project: Any, credential: Credential
) -> None:
    group = make_group(project, f"{HOST}/team/app:1.0", credential=credential)
    params = {"host": HOST, "public": True}
    failure = Failure.objects.create(
        organization=project.organization, group=group, group_name=group.name, reference="x", registry=HOST,
        provider="self_hosted", step="authenticate", code="authentication_failed", params=params,
    )  # fmt: skip
    ContainerGroup.objects.update(status="failed")

    text = member.get(f"/o/acme/default/groups/{group.name}/failures/{failure.pk}/").content.decode()

    assert "The image is public" in text
    assert '<option value="none" selected>' in text


def test_a_credential_typed_beside_the_image_is_sealed_once_and_chosen(
    member: Client, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"credential": "new", "new-username": USER, "new-password": SECRET}

    page = start(member, **typed).content.decode()

    credential = Credential.objects.get()
    assert ImageCheck.objects.get().credential == credential
    assert f'<option value="{credential.pk}" selected' in page
    assert 'id="reading"' in page
    assert 'hx-swap-oob="true"' in page
    assert SECRET not in page

    again = start(member, **typed | {"new-password": ""}).content.decode()
    assert "Enter the password" in again
    monkeypatch.setattr(checks, "MAX_AT_ONCE", 0)
    assert "already in progress" in start(member, **typed).content.decode()
    assert Credential.objects.count() == 1, "what is refused keeps nothing"


def test_a_likely_slip_is_what_a_check_finds_out(member: Client, acme: Any) -> None:
    start(member, **{"credential": "new", "new-username": USER, "new-password": f" {SECRET}"})

    assert ImageCheck.objects.count() == 1


def test_a_typed_credential_is_checked_without_scripts_too(member: Client, acme: Any) -> None:
    answer = start(member, headers=None, **{"credential": "new", "new-username": USER, "new-password": SECRET})

    assert answer.status_code == 302
    assert f"credential={Credential.objects.get().pk}" in member.get(answer["Location"]).text


@pytest.mark.parametrize(("sent", "resources"), [
    ({}, {"cpu": 1, "memory_mb": 1024, "gpu": ""}),
    ({"cpu": "4", "memory_mb": "8192", "gpu": " rtx4090 "}, {"cpu": 4, "memory_mb": 8192, "gpu": "rtx4090"}),
    ({"cpu": "0", "memory_mb": "-1", "gpu": "x" * 101}, {"cpu": 1, "memory_mb": 1024, "gpu": ""}),
    ({"cpu": "999", "memory_mb": "much", "gpu": "ghp_" + "a" * 36}, {"cpu": 1, "memory_mb": 1024, "gpu": ""}),
])  # fmt: skip
def test_a_check_knows_what_a_replica_takes(member: Client, sent: dict[str, str], resources: dict[str, Any]) -> None:
    """So that it finds the platform that the group would get."""
    start(member, **sent)
    row = ImageCheck.objects.get()
    assert (row.resources, row.platform, row.platform_chosen) == (resources, "linux/amd64", False)


def test_a_check_offers_the_platforms_that_nodes_run(member: Client) -> None:
    for platform in ("linux/amd64", "linux/arm64"):
        Node.objects.create(name=platform, public_key=platform, platform=platform, last_seen_at=timezone.now())
    start(member, platform="linux/amd64")
    row = ImageCheck.objects.get()
    assert (row.platform, row.platform_chosen) == ("linux/amd64", True)
    offered = [
        {"platform": "linux/arm64", "nodes": 2, "free": 1},
        {"platform": "linux/amd64", "nodes": 1, "free": 1},
    ]

    finished("done", platforms=offered, **FOUND)
    page = member.get(f"{CHECK}{row.pk}/", headers=HTMX).content.decode()

    assert 'data-fill="#id_platform" data-value="linux/arm64"' in page
    assert 'data-value="linux/amd64"' not in page
    assert "2 nodes fit, 1 with room now" in page


def test_a_check_asks_which_login_of_a_paste_is_meant(member: Client) -> None:
    """What was pasted is still on the page: the answer is sent with it."""
    auths = {
        key: {"username": user, "password": f"canary-{user}"}
        for key, user in ((HOST, "alice"), (f"https://{HOST}", "bob"))
    }
    typed = {"credential": "new", "new-username": "", "new-password": "", "new-paste": json.dumps({"auths": auths})}

    asked = start(member, **typed).content.decode()

    assert 'name="new-login"' in asked
    assert f'<option value="{HOST}, user bob">' in asked
    assert "canary-" not in asked
    assert not ImageCheck.objects.exists()

    start(member, **typed, **{"new-login": f"{HOST}, user bob"})

    assert unsealed(Credential.objects.get()) == {"password": "canary-bob"}


@pytest.mark.parametrize(
    "text",
    [
        "docker login registry.example.com -u alice -p canary-password",
        "machine registry.example.com login alice password canary-password",
        "REGISTRY=registry.example.com REGISTRY_USER=alice REGISTRY_PASSWORD=canary-password",
        "registry.example.com alice canary-password",
        "alice:canary-password@registry.example.com/team/app:1",
        "ctr images pull -u alice:canary-password $IMAGE",
        "https://alice:canary-password@registry.example.com/team/app",
    ],
)
@pytest.mark.parametrize("address", [CHECK, "/o/acme/default/groups/new/", "/o/acme/default/groups/new/read/"])
def test_a_login_for_an_image_is_not_shown_again(member: Client, address: str, text: str) -> None:
    for field in ("image", "first", "repository"):
        for headers in ({}, HTMX):
            answer = member.post(address, {field: text, "credential": "", "host": HOST}, headers=headers)
            assert b"canary-password" not in answer.content
            assert "canary-password" not in answer.headers.get("Location", "")
    assert not ImageCheck.objects.exists()
