"""Pages of container groups as members, viewers and strangers get them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from groups.environment import open_environment
from groups.models import ContainerGroup, Failure, Instance, Layer, Node, PullStep
from groups.states import Stale
from registries.actions import destroy
from registries.models import Credential
from tests.groups.pulls import SECRET, make_credential, make_group

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1.0"
LIST = "/o/acme/default/groups/"
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
ACTIONS = ("start", "stop", "retry", "delete")


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.wakeups._enqueue", lambda *job: None)


@pytest.fixture
def member(bob: Any, as_user: Any) -> Client:
    """Bob's browser."""
    client: Client = as_user(bob)
    return client


@pytest.fixture
def viewer(carol: Any, as_user: Any) -> Client:
    """Carol's browser."""
    client: Client = as_user(carol)
    return client


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group with a credential and an environment."""
    credential = make_credential(project.organization, HOST)
    return make_group(
        project, IMAGE, credential=credential, name="web", environment={"TOKEN": "canary-environment"}, replicas=2
    )


def at(group: ContainerGroup, page: str, *more: Any) -> str:
    return reverse(f"groups:{page}", args=["acme", "default", group.name, *more])


def put(group: ContainerGroup, status: str) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    group.refresh_from_db()


@pytest.fixture
def failure(group: ContainerGroup) -> Failure:
    """The group's pull, refused at sign-in."""
    put(group, "failed")
    destroy(group.image.credential_id, because="settled")
    return Failure.objects.create(
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        reference=IMAGE,
        registry=HOST,
        provider="self_hosted",
        step="authenticate",
        code="authentication_failed",
        params={"host": HOST},
        raw="401 UNAUTHORIZED",
        trace=[{"name": "resolve", "outcome": "ok"}, {"name": "authenticate", "outcome": "failed"}],
    )


def text_of(response: Any) -> str:
    """The page's words as people read them."""
    words = re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", words)


# The list


def test_an_empty_list_teaches_the_first_steps(member: Client) -> None:
    text = text_of(member.get(LIST)).lower()

    assert "credential" in text
    assert "start" in text


def test_the_list_shows_what_one_scans_for(member: Client, group: ContainerGroup) -> None:
    page = member.get(LIST)

    assert page.status_code == 200
    for word in ("web", "team/app", "ending"):
        assert word in text_of(page)
    assert at(group, "detail") in page.content.decode()


def test_the_list_pages_and_its_queries_do_not_grow(member: Client, project: Any) -> None:
    make_group(project, IMAGE, name="first")
    member.get(LIST)
    with CaptureQueriesContext(connection) as few:
        member.get(LIST)
    for number in range(55):
        made = make_group(project, IMAGE, name=f"group-{number:02}")
        Instance.objects.create(group=made, state="running")
    with CaptureQueriesContext(connection) as many:
        first = member.get(LIST)

    assert len(many) <= len(few)
    assert "group-54" not in text_of(first)
    assert "group-54" in text_of(member.get(LIST, {"page": "2"}))
    for odd in ("0", "-1", "9" * 500, "x", "\0"):
        assert member.get(LIST, {"page": odd, "q": odd, "state": odd}).status_code == 200


def test_rows_answer_304_until_something_changes(member: Client, group: ContainerGroup) -> None:
    rows = reverse("groups:rows", args=["acme", "default"])
    first = member.get(rows)
    assert (first.status_code, "<html" in first.content.decode()) == (200, False)

    assert member.get(rows, headers={"If-None-Match": first["ETag"]}).status_code == 304
    put(group, "stopped")
    assert member.get(rows, headers={"If-None-Match": first["ETag"]}).status_code == 200


# A new one


def test_a_group_is_made_from_the_form(member: Client, project: Any, bob: Any) -> None:
    credential = make_credential(project.organization, HOST)

    done = member.post(NEW, GOOD | {"credential": str(credential.pk)})

    group = ContainerGroup.objects.get(project=project)
    assert (done.status_code, done["Location"]) == (302, at(group, "detail"))
    assert (group.status, group.replicas, group.command) == ("pending", 2, ["serve", "--port", "80"])
    assert (group.image.credential, group.created_by) == (credential, bob)
    assert open_environment(group) == {"TOKEN": "canary-environment"}


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
        raise IntegrityError

    monkeypatch.setattr("groups.actions.create", taken)
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
    for odd in ("x", "\0", "<script>", str(others.pk)):
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
    for odd in ("", "http://x", "a:b:c", "\0", "<b>", "x" * 3000):
        answer = member.get(read, {"image": odd})
        assert answer.status_code == 200
        assert "<b>" not in answer.content.decode()


def test_a_reading_brings_the_fields_of_that_registry(member: Client, acme: Any) -> None:
    read = reverse("groups:read", args=["acme", "default"])

    def asked(image: str) -> tuple[set[str], str]:
        page = member.get(read, {"image": image}).content.decode()
        chosen = re.findall(r'<option value="([^"]*)" selected', page)
        return set(re.findall(r'name="(new-[a-z_]+)"', page)), *chosen

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
        raise IntegrityError

    monkeypatch.setattr("groups.views.actions.create", taken)

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


# One group


def test_the_page_shows_the_group_and_never_its_values(member: Client, group: ContainerGroup) -> None:
    page = member.get(at(group, "detail"))

    assert page.status_code == 200
    for word in ("Waiting for a worker", "TOKEN", "team/app", HOST):
        assert word in text_of(page)
    for leak in ("canary-environment", SECRET):
        assert leak not in page.content.decode()


@pytest.mark.parametrize("status", ContainerGroup.Status.values)
def test_every_state_has_a_page(member: Client, viewer: Client, group: ContainerGroup, status: str) -> None:
    put(group, status)
    node = Node.objects.create(name="node-1", public_key="k")
    for state in Instance.State.values:
        Instance.objects.create(group=group, state=state, node=node, message="<i>odd</i>", progress=40)
    Layer.objects.create(image=group.image, position=0, media_type="x", digest="sha256:0", size=0)
    PullStep.objects.create(image=group.image, attempt=0, name="layers", detail="<i>odd</i>")

    for client in (member, viewer):
        page = client.get(at(group, "detail"))
        assert page.status_code == 200
        assert "<i>odd" not in page.content.decode()
        assert client.get(at(group, "status")).status_code in (200, 286)


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("pending", set()),
        ("stopped", {"start"}),
        ("deploying", {"stop"}),
        ("running", {"stop"}),
        ("succeeded", {"start"}),
        ("failed", set()),
    ],
)
def test_actions_fit_the_state_and_the_role(
    member: Client, viewer: Client, group: ContainerGroup, status: str, offered: set[str]
) -> None:
    put(group, status)

    def forms(client: Client) -> set[str]:
        page = client.get(at(group, "detail")).content.decode()
        return {action for action in ACTIONS if f'action="{at(group, action)}"' in page}

    assert forms(member) - {"delete", "retry"} == offered
    assert "delete" in forms(member)
    assert forms(viewer) == set()


def test_a_failed_group_leads_to_its_failure(member: Client, group: ContainerGroup, failure: Failure) -> None:
    assert at(group, "failure", failure.pk) in member.get(at(group, "detail")).content.decode()


def test_the_live_part_answers_304_200_and_286(member: Client, group: ContainerGroup) -> None:
    status = at(group, "status")
    first = member.get(status)
    assert first.status_code == 200
    assert "<html" not in first.content.decode()
    assert f'hx-get="{status}"' in first.content.decode()

    seen = {"If-None-Match": first["ETag"]}
    with CaptureQueriesContext(connection) as queries:
        unchanged = member.get(status, headers=seen)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert len(queries) <= 6, "session, person, membership, project, group, and one for what changed"

    put(group, "stopped")
    last = member.get(status, headers=seen)
    assert last.status_code == 286
    assert "no-cache" in last["Cache-Control"]
    assert "private" in last["Cache-Control"]


def test_pages_of_a_group_that_is_not_there_are_404(
    member: Client, group: ContainerGroup, mallory: Any, as_user: Any, failure: Failure
) -> None:
    umbrella = mallory.organizations.get()
    theirs = make_group(umbrella.projects.get(), IMAGE, name="theirs")
    group.organization.projects.create(slug="other", name="Other")
    pages: list[Callable[[str, str, str], str]] = [
        *(
            lambda org, project, name, page=page: reverse(f"groups:{page}", args=[org, project, name])
            for page in ("detail", "status")
        ),
        lambda org, project, name: reverse("groups:failure", args=[org, project, name, failure.pk]),
    ]
    for page in pages:
        assert member.get(page("acme", "default", "absent")).status_code == 404
        assert member.get(page("acme", "default", theirs.name)).status_code == 404
        assert member.get(page("acme", "other", group.name)).status_code == 404
        assert member.get(page("umbrella", "default", theirs.name)).status_code == 404
        assert as_user(mallory).get(page("acme", "default", group.name)).status_code == 404
    for action in ACTIONS:
        assert member.post(reverse(f"groups:{action}", args=["acme", "other", group.name])).status_code == 404
        assert member.get(reverse(f"groups:{action}", args=["acme", "other", group.name])).status_code == 404


def test_a_page_that_watches_a_group_which_is_gone_is_led_to_the_list(
    member: Client, mallory: Any, as_user: Any, group: ContainerGroup
) -> None:
    make_group(mallory.organizations.get().projects.get(), IMAGE, name="theirs")
    htmx = {"HX-Request": "true"}
    assert member.get(at(group, "status"), headers=htmx).status_code == 200

    answers = [
        member.get(reverse("groups:status", args=["acme", "default", name]), headers=htmx)
        for name in ("absent", "theirs")
    ]
    for answer in answers:
        assert (answer.status_code, answer.content, answer["HX-Redirect"]) == (200, b"", LIST)
    assert as_user(mallory).get(at(group, "status"), headers=htmx).status_code == 404


# What can be done


def test_starting_and_stopping(member: Client, group: ContainerGroup) -> None:
    put(group, "stopped")

    assert member.post(at(group, "start"))["Location"] == at(group, "detail")
    group.refresh_from_db()
    assert (group.status, group.instances.count()) == ("deploying", 2)

    member.post(at(group, "stop"))
    group.refresh_from_db()
    assert (group.status, group.instances.count()) == ("stopped", 0)


@pytest.mark.parametrize("action", ["start", "stop", "retry"])
def test_who_comes_second_hears_so(member: Client, group: ContainerGroup, action: str) -> None:
    page = member.post(at(group, action), {"use": "none"}, follow=True)

    assert page.status_code == 200
    assert "Somebody else was first" in text_of(page)
    group.refresh_from_db()
    assert group.status == "pending"


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_are_posts_of_members_with_a_csrf_token(
    member: Client, viewer: Client, bob: Any, group: ContainerGroup, action: str
) -> None:
    assert member.get(at(group, action))["Location"] == at(group, "detail")
    assert member.put(at(group, action)).status_code == 405
    assert viewer.post(at(group, action)).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(at(group, action)).status_code == 403
    assert Client().post(at(group, action)).status_code == 302
    assert ContainerGroup.objects.filter(pk=group.pk, status="pending").exists()


def test_deleting_asks_for_the_name(member: Client, group: ContainerGroup) -> None:
    for typed in ("", "wrong", "WEB"):
        page = member.post(at(group, "delete"), {"name": typed})
        assert page.status_code == 422
        assert ContainerGroup.objects.filter(pk=group.pk).exists()

    assert member.post(at(group, "delete"), {"name": "web"})["Location"] == LIST
    assert not ContainerGroup.objects.exists()
    assert member.post(at(group, "delete"), {"name": "web"}).status_code == 404


# A failure and its way out


def test_the_failure_says_what_happened_where_and_what_to_do(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    page = member.get(at(group, "failure", failure.pk))

    assert page.status_code == 200
    words = failure.words
    for word in (words.text, words.remedy, "docker login", "401 UNAUTHORIZED", str(failure.pk)[:8]):
        assert word in text_of(page)
    html = page.content.decode()
    assert f"{reverse('portal:ask', args=['acme'])}?failure={failure.pk}" in html
    assert 'value="deploy"' in html, "what is no secret is filled in"
    assert SECRET not in html


def test_a_viewer_reads_the_failure_but_can_not_retry(viewer: Client, group: ContainerGroup, failure: Failure) -> None:
    page = viewer.get(at(group, "failure", failure.pk))

    assert page.status_code == 200
    assert at(group, "retry") not in page.content.decode()


def test_retrying_with_a_new_secret(member: Client, group: ContainerGroup, failure: Failure) -> None:
    old = group.image.credential

    done = member.post(at(group, "retry"), {"use": "new", "username": "deploy", "password": "canary-right"})

    assert done["Location"] == at(group, "detail")
    group = ContainerGroup.objects.get(pk=group.pk)
    new = group.image.credential
    assert (group.status, group.image.reference) == ("pending", IMAGE)
    assert new is not None
    assert (new != old, new.host, new.fields) == (True, HOST, {"username": "deploy"})
    assert b"canary" not in bytes(new.sealed or b"")


def test_retrying_without_credentials(member: Client, group: ContainerGroup, failure: Failure) -> None:
    member.post(at(group, "retry"), {"use": "none"})

    group = ContainerGroup.objects.get(pk=group.pk)
    assert (group.status, group.image.credential) == ("pending", None)


def test_a_secret_that_can_not_work_asks_again_and_does_not_come_back(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    page = member.post(at(group, "retry"), {"use": "new", "username": "a:b", "password": "canary-secret"})

    assert page.status_code == 422
    assert "colon" in text_of(page)
    assert "canary-secret" not in page.content.decode()
    assert Credential.objects.count() == 1


def test_a_retry_that_comes_second_leaves_no_credential_behind(
    member: Client, group: ContainerGroup, failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(group: ContainerGroup, **values: Any) -> None:
        raise Stale

    monkeypatch.setattr("groups.actions.retry", stale)
    page = member.post(at(group, "retry"), {"use": "new", "username": "u", "password": "p"}, follow=True)

    assert "Somebody else was first" in text_of(page)
    assert not Credential.objects.filter(destroyed_at__isnull=True).exists()


def test_a_failure_that_was_mended_offers_no_retry(member: Client, group: ContainerGroup, failure: Failure) -> None:
    put(group, "stopped")

    page = member.get(at(group, "failure", failure.pk))
    assert page.status_code == 200
    assert at(group, "retry") not in page.content.decode()


def _chosen(page: Any) -> str:
    """What "Try again with" starts at."""
    found = re.search(r'<option value="([^"]+)" selected', page.content.decode())
    assert found
    return found[1]


def test_a_retry_after_a_refusal_starts_at_a_new_credential(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    page = at(group, "failure", failure.pk)
    assert _chosen(member.get(page)) == "new"

    type(group.image).objects.filter(pk=group.image_id).update(credential=None, provider="")
    assert _chosen(member.get(page)) == "new"

    other = make_credential(group.organization, HOST)
    make_credential(group.organization, "elsewhere.example.com")
    assert _chosen(member.get(page)) == str(other.pk)

    type(group.image).objects.filter(pk=group.image_id).update(credential=other)
    assert _chosen(member.get(page)) == "new", "it was refused just now"


def test_a_retry_for_another_reason_starts_at_what_is_still_there(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    page = at(group, "failure", failure.pk)
    Failure.objects.update(code="image_not_found")
    type(group.image).objects.filter(pk=group.image_id).update(provider="self_hosted")
    assert _chosen(member.get(page)) == "new"

    kept = make_credential(group.organization, HOST)
    type(group.image).objects.filter(pk=group.image_id).update(credential=kept)
    make_credential(group.organization, HOST)
    assert _chosen(member.get(page)) == str(kept.pk)

    Credential.objects.all().delete()
    type(group.image).objects.filter(pk=group.image_id).update(credential=None, provider="")
    assert _chosen(member.get(page)) == "none"


def test_the_credential_of_a_retry_has_a_name_of_its_own(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    member.post(at(group, "retry"), {"use": "new", "username": "deploy", "password": "canary-right"})

    credential = ContainerGroup.objects.get(pk=group.pk).image.credential
    assert credential is not None
    assert credential.name == "for web"
