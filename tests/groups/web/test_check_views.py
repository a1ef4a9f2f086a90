"""Pages of checks: started from both forms, watched, told, and shown to nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.actions import checks
from groups.ingest import check
from groups.models import ContainerGroup, Failure, Image, ImageCheck
from groups.queries.check_report import check_report
from groups.rules.states import move
from registries.models import Credential
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential, make_group

HOST = "registry.example.com"
CHECK = "/o/acme/default/groups/new/check/"
HTMX = {"HX-Request": "true"}
GB = 1_000_000_000
FOUND = {
    "digest": "sha256:" + "a" * 64,
    "found_platform": "linux/amd64",
    "size": 3 * GB,
    "limit": 10 * GB,
    "layer_count": 9,
    "layers": [{"size": 2 * GB, "created_by": "RUN pip install torch"}, {"size": GB // 2, "created_by": ""}],
    "tags": ["latest", "1.1", "1.0"],
    "remaining": 76,
}


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Wake-ups that were sent."""
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: sent.append(job))
    return sent


@pytest.fixture
def credential(acme: Any) -> Credential:
    return make_credential(acme, HOST)


def start(client: Client, headers: Any = HTMX, **data: str) -> Any:
    return client.post(CHECK, {"image": f"{HOST}/team/app:1.0", "credential": "", **data}, headers=headers or {})


def finished(status: str, **found: Any) -> ImageCheck:
    """The only check there is, as it is at its end."""
    row = ImageCheck.objects.get()
    move(row, to="running")
    return move(row, to=status, **found)


def test_a_check_is_started_and_watched(
    member: Client, credential: Credential, django_capture_on_commit_callbacks: Any, woken: list[tuple[str, ...]]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = start(member, credential=str(credential.pk))

    row = ImageCheck.objects.get()
    assert answer.status_code == 200
    assert woken == [("checks", "groups.jobs.check", str(row.pk))]
    assert (row.reference, row.provider, row.credential) == (f"{HOST}/team/app:1.0", "self_hosted", credential)
    text = answer.content.decode()
    assert f'hx-get="{CHECK}{row.pk}/"' in text
    assert 'hx-trigger="every 1s"' in text
    assert "Waiting for a worker" in text
    assert SECRET not in text


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


def test_a_failure_tells_the_fix_in_the_registrys_words(member: Client, acme: Any) -> None:
    start(member, image="acme/app:1.0", credential=str(make_hub(acme).pk))
    params = {"host": "docker.io", "repository": "acme/app"}
    row = finished("failed", code="access_denied", params=params, raw="401 after authentication", public=True)

    text = member.get(f"{CHECK}{row.pk}/", headers=HTMX).content.decode()

    assert "may not read this repository" in text
    assert "Docker Hub says the same" in text
    assert "The image is public" in text
    assert "credential=none" in text


def make_hub(acme: Any) -> Credential:
    from registries.credential_rows import NewCredential, store_credential

    values = {"username": USER, "password": SECRET}
    return store_credential(
        NewCredential(provider="docker_hub", name="hub", host="docker.io", values=values),
        organization_id=acme.pk,
        created_by_id=None,
    )


def test_an_image_over_the_cap_shows_where_the_cap_is(member: Client, credential: Credential) -> None:
    start(member, credential=str(credential.pk))
    found = FOUND | {"size": 20 * GB, "layers": [{"size": 18 * GB, "created_by": "COPY models /models"}]}
    row = finished("failed", code="image_too_large", params={"size": "20 GB", "limit": "10 GB"}, **found)

    text = member.get(f"{CHECK}{row.pk}/", headers=HTMX).content.decode()

    assert "Over the limit of 10 GB" in text
    assert "COPY models /models" in text
    bar = check_report(row).bar
    assert bar is not None
    assert (bar.cap, bar.over, len(bar.parts)) == (500, 500, 2)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"image": ""}, "Enter an image"),
        ({"image": "https://x.example/a"}, ""),
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
    if text:
        assert text in answer.content.decode()
        assert not ImageCheck.objects.exists()


def test_too_many_at_once(member: Client, credential: Credential) -> None:
    for _ in range(checks.MAX_AT_ONCE):
        start(member)

    assert "going on here already" in start(member).content.decode()
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


def test_what_the_registry_says_is_no_html(member: Client, credential: Credential) -> None:
    start(member)
    layers = [{"size": GB, "created_by": "<script>alert(1)</script>"}]
    row = finished("done", **FOUND | {"layers": layers, "tags": ["<b>"]})

    text = member.get(f"{CHECK}{row.pk}/").content.decode()

    assert "<script>alert" not in text
    assert "<b>" not in text


def test_steps_are_told_as_they_come(member: Client, credential: Credential) -> None:
    start(member)
    row = ImageCheck.objects.get()
    move(row, to="running", steps=[{"name": "resolve", "outcome": "running", "detail": "", "raw": "", "seconds": None}])

    text = member.get(f"{CHECK}{row.pk}/", headers=HTMX).content.decode()

    assert re.findall(r'class="step-(\w+)"', text) == ["running"] + ["waiting"] * 6


def test_a_secret_that_is_refused_shows_nowhere(member: Client, acme: Any) -> None:
    with FakeRegistry(auth="basic", users={USER: SECRET}) as registry:
        registry.push_image("team/app", "1.0")
        credential = make_credential(acme, registry.host, password="canary-wrong")
        start(member, image=f"{registry.host}/team/app:1.0", credential=str(credential.pk))
        row = ImageCheck.objects.get()
        check.check(row.pk)

        text = member.get(f"{CHECK}{row.pk}/").content.decode()

    assert "did not accept the credentials" in text
    assert "canary-wrong" not in text


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
    assert "going on here already" in start(member, **typed).content.decode()
    assert Credential.objects.count() == 1, "what is refused keeps nothing"


def test_a_likely_slip_is_what_a_check_finds_out(member: Client, acme: Any) -> None:
    start(member, **{"credential": "new", "new-username": USER, "new-password": f" {SECRET}"})

    assert ImageCheck.objects.count() == 1


def test_a_typed_credential_is_checked_without_scripts_too(member: Client, acme: Any) -> None:
    answer = start(member, headers=None, **{"credential": "new", "new-username": USER, "new-password": SECRET})

    assert answer.status_code == 302
    assert f"credential={Credential.objects.get().pk}" in member.get(answer["Location"]).text


class TestWhetherTheTagMoved:
    """Asked from a group's page, against the digest that it has pinned."""

    @pytest.fixture
    def group(self, project: Any) -> ContainerGroup:
        made = make_group(project, f"{HOST}/team/app:1.0", name="web")
        Image.objects.filter(pk=made.image_id).update(digest="sha256:" + "a" * 64, status="ready")
        ContainerGroup.objects.filter(pk=made.pk).update(status="stopped")
        return made

    def test_the_page_asks_for_a_credential_anew(self, member: Client, viewer: Client, group: ContainerGroup) -> None:
        page = member.get("/o/acme/default/groups/web/").text
        assert 'name="against" value="web"' in page
        assert "Has 1.0 moved since?" in page
        assert 'name="against"' not in viewer.get("/o/acme/default/groups/web/").text

        Image.objects.update(version="sha256:" + "a" * 64)
        assert 'name="against"' not in member.get("/o/acme/default/groups/web/").text

    @pytest.mark.parametrize(
        ("found", "said"), [("a", "1.0 still means this image"), ("b", "1.0 means another image now")]
    )
    def test_the_answer(self, member: Client, group: ContainerGroup, found: str, said: str) -> None:
        start(member, against="web")
        row = ImageCheck.objects.get()
        assert row.against == group
        ImageCheck.objects.update(status="done", platform_digest="sha256:" + found * 64, **FOUND)

        page = member.get(f"{CHECK}{row.pk}/", headers=HTMX).text

        assert said in page
        assert ("?from=web" in page) == (found == "b")

    def test_another_projects_group_is_not_compared_with(self, member: Client, mallory: Any) -> None:
        other = make_group(mallory.organizations.get().projects.get(), f"{HOST}/team/app:1.0", name="theirs")
        for odd in (other.name, "\0", "nothing"):
            start(member, against=odd)
        assert not ImageCheck.objects.filter(against__isnull=False).exists()

    def test_a_worker_finds_the_platforms_digest(
        self, member: Client, acme: Any, project: Any, settings: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with FakeRegistry(auth="bearer", users={USER: SECRET}) as registry:
            pushed = registry.push_image("team/app", "1.0")
            group = make_group(project, f"{registry.host}/team/app:1.0", name="web")
            typed = {"credential": "new", "new-username": USER, "new-password": SECRET}
            sent = {"image": f"{registry.host}/team/app:1.0", "against": "web", **typed}
            member.post(CHECK, sent, headers=HTMX)
            row = ImageCheck.objects.get()
            check.check(row.pk)
            row.refresh_from_db()
            assert row.status == "done"
            assert row.platform_digest.startswith("sha256:")
            Image.objects.filter(pk=group.image_id).update(digest=row.platform_digest)
            row = ImageCheck.objects.get()
            assert check_report(row).moved is False
            assert pushed is not None
