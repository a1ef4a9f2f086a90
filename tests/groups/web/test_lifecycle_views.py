"""What can be done to a group from its pages, and the pages of a failure."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.models import ContainerGroup, Failure
from groups.rules.states import Stale
from registries.models import Credential
from tests.support.group_pages import ACTIONS, HOST, IMAGE, LIST, at, failure, group, put, text_of
from tests.support.pulls import SECRET, make_credential

pytestmark = pytest.mark.usefixtures("no_redis")
__all__ = ["failure", "group"]


def test_starting_and_stopping(member: Client, group: ContainerGroup) -> None:
    put(group, "stopped")

    assert member.post(at(group, "start"))["Location"] == at(group, "detail")
    group.refresh_from_db()
    assert (group.status, group.instances.count()) == ("deploying", 2)

    member.post(at(group, "stop"))
    group.refresh_from_db()
    assert (group.status, group.instances.count()) == ("stopped", 0)


@pytest.mark.parametrize("action", ["start", "stop", "retry"])
def test_the_second_of_two_sees_the_current_state(member: Client, group: ContainerGroup, action: str) -> None:
    page = member.post(at(group, action), {"use": "none"}, follow=True)

    assert page.status_code == 200
    assert "This group changed since you opened the page" in text_of(page)
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

    monkeypatch.setattr("groups.actions.lifecycle.retry", stale)
    page = member.post(at(group, "retry"), {"use": "new", "username": "u", "password": "p"}, follow=True)

    assert "This group changed since you opened the page" in text_of(page)
    assert not Credential.objects.filter(destroyed_at__isnull=True).exists()


def test_a_failure_that_was_fixed_offers_no_retry(member: Client, group: ContainerGroup, failure: Failure) -> None:
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


@pytest.mark.parametrize("where", ["detail", "failure"])
def test_what_is_not_about_the_credential_is_tried_again_with_one_click(
    member: Client, viewer: Client, group: ContainerGroup, failure: Failure, where: str
) -> None:
    """Nothing is entered again, and the page says until when the credential is kept."""
    credential = make_credential(group.organization, HOST, repository=group.image.repository)
    Failure.objects.update(code="tls_invalid", params={"host": HOST, "case": "expired"})
    type(group.image).objects.filter(pk=group.image_id).update(
        credential=credential, keeps_credential=True, status="failed"
    )
    address = at(group, where, *([failure.pk] if where == "failure" else []))

    page = member.get(address)

    assert f'name="use" value="{credential.pk}"' in page.content.decode()
    assert f"{credential.name} is not what failed. It is kept to try again and destroyed" in text_of(page)
    assert reverse("registries:detail", args=["acme", credential.pk]) in page.content.decode()
    assert "Try again" not in text_of(viewer.get(address))

    done = member.post(at(group, "retry"), {"use": str(credential.pk)})
    assert done["Location"] == at(group, "detail")
    again = ContainerGroup.objects.get(pk=group.pk)
    assert (again.status, again.image.credential) == ("pending", credential)
    credential.refresh_from_db()
    assert credential.is_live


def test_an_unknown_authority_asks_for_its_certificate(member: Client, group: ContainerGroup, failure: Failure) -> None:
    """The remedy names a field: it is open, and the user name is not entered again."""
    credential = make_credential(group.organization, HOST)
    Failure.objects.update(code="tls_invalid", params={"host": HOST, "case": "unknown_authority"})
    type(group.image).objects.filter(pk=group.image_id).update(
        credential=credential, keeps_credential=True, status="failed"
    )

    page = member.get(at(group, "failure", failure.pk))

    assert page.context["form"]["use"].value() == "new"
    assert "Or enter the credential with the authority's certificate" in text_of(page)
    assert re.search(r'<details class="paste if-new" open>\s*<summary>Its certificate', page.content.decode())


@pytest.mark.parametrize("where", ["detail", "failure"])
def test_a_refused_credential_is_not_offered_again(
    member: Client, group: ContainerGroup, failure: Failure, where: str
) -> None:
    page = member.get(at(group, where, *([failure.pk] if where == "failure" else [])))
    assert 'type="hidden" name="use"' not in page.content.decode()
    assert "is not what failed" not in text_of(page)


def test_a_login_pasted_for_a_retry_replaces_the_user_name_that_was_offered(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    line = f"docker login -u robot -p '$ecret1' {HOST}"

    answer = member.post(at(group, "retry"), {"use": "new", "username": "deploy", "password": "", "paste": line})

    assert answer.status_code == 302
    credential = ContainerGroup.objects.get(pk=group.pk).image.credential
    assert credential is not None
    assert credential.fields == {"username": "robot"}


def test_the_form_of_a_retry_offers_nothing_that_was_written_into_the_database(
    member: Client, group: ContainerGroup, failure: Failure
) -> None:
    Credential.objects.update(ca="-----BEGIN CERTIFICATE-----\nmallory", fields={"username": "mallory"})

    page = member.get(at(group, "failure", failure.pk))

    assert page.context["typed_form"].initial == {}
    assert "mallory" not in page.text
