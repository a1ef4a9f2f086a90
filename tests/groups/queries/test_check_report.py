"""What the page of a check shows: steps, findings, failures, and whether a tag still points to the image."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from groups.ingest import check
from groups.models import ContainerGroup, Image, ImageCheck
from groups.queries.check_report import check_report
from groups.rules.states import move
from registries.models import Credential
from tests.support.check_pages import CHECK, FOUND, GB, HOST, HTMX, finished, start
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")


@pytest.fixture
def credential(acme: Any) -> Credential:
    return make_credential(acme, HOST)


def test_a_failure_shows_the_fix_in_the_registrys_words(member: Client, acme: Any) -> None:
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


def test_what_the_registry_says_is_no_html(member: Client, credential: Credential) -> None:
    start(member)
    layers = [{"size": GB, "created_by": "<script>alert(1)</script>"}]
    row = finished("done", **FOUND | {"layers": layers, "tags": ["<b>"]})

    text = member.get(f"{CHECK}{row.pk}/").content.decode()

    assert "<script>alert" not in text
    assert "<b>" not in text


def test_steps_are_shown_as_they_come(member: Client, credential: Credential) -> None:
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


class TestWhetherTheTagMoved:
    """Asked from a group's page, against the digest that it has pinned."""

    @pytest.fixture
    def group(self, project: Any) -> ContainerGroup:
        made = make_group(project, f"{HOST}/team/app:1.0", name="web")
        Image.objects.filter(pk=made.image_id).update(digest="sha256:" + "a" * 64, status="ready")
        ContainerGroup.objects.filter(pk=made.pk).update(status="stopped")
        return made

    def test_the_page_asks_for_a_credential_again(self, member: Client, viewer: Client, group: ContainerGroup) -> None:
        page = member.get("/o/acme/default/groups/web/").text
        assert 'name="against" value="web"' in page
        assert "Is 1.0 still this image?" in page
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
            pushed = registry.push_image("team/app", "1.0", platform=["linux/amd64", "linux/arm64"])
            group = make_group(project, f"{registry.host}/team/app:1.0", name="web")
            typed = {"credential": "new", "new-username": USER, "new-password": SECRET}
            sent = {"image": f"{registry.host}/team/app:1.0", "against": "web", **typed}
            member.post(CHECK, sent, headers=HTMX)
            row = ImageCheck.objects.get()
            check.check(row.pk)
            row.refresh_from_db()
            assert row.status == "done"
            assert (row.digest, row.platform_digest) == (pushed.digest, pushed.manifest_digest)
            for digest, moved in ((pushed.manifest_digest, False), (pushed.digest, True), ("", None)):
                Image.objects.filter(pk=group.image_id).update(digest=digest)
                assert check_report(ImageCheck.objects.get()).moved is moved
