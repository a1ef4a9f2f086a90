"""What a notice of a failure says: which service failed at which host, whether others meet it too, and that the
credential is kept."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string

from groups.models import ContainerGroup, Failure, Image, Occurrence
from portal.models import Notice
from portal.notifications.messages import body, email_context
from registries.credential_rows import empty_credential
from registries.failures import AccessDenied, PullFailed, RegistryUnreachable, Service, TlsInvalid, Where
from registries.foundation.clock import database_now
from tests.support.group_progress import failed
from tests.support.outages import make_outage
from tests.support.pulls import make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
HOST = "registry.example.com"
STORAGE: Where = {"host": HOST, "service": Service.STORAGE, "met": "minio.example:9000"}


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    credential = make_credential(project.organization, HOST)
    group = make_group(project, f"{HOST}/team/app:1", credential=credential)
    Image.objects.update(status="failed", keeps_credential=True)
    return group


def notice(group: ContainerGroup, failure: PullFailed) -> Notice:
    row = failed(group, code=failure.code, params=failure.params)
    group.refresh_from_db()
    occurrence = Occurrence(
        organization=group.organization, group=group, group_name=group.name, failure=Failure.objects.get(pk=row.pk),
        kind="group.failed", created_at=database_now(),
    )  # fmt: skip
    return Notice(occurrence=occurrence)


def mail(group: ContainerGroup, failure: PullFailed) -> str:
    return render_to_string("emails/notice.txt", email_context(notice(group, failure)))


def test_programs_read_service_and_host(group: ContainerGroup) -> None:
    failure = json.loads(body(notice(group, TlsInvalid(case="expired", **STORAGE))))["data"]["failure"]
    assert failure["title"] == "The certificate of the registry's storage has expired"
    assert (failure["service"], failure["host"]) == ("storage", "minio.example:9000")


def test_a_failure_of_an_earlier_version_names_none(group: ContainerGroup) -> None:
    failure = json.loads(body(notice(group, TlsInvalid(host=HOST))))["data"]["failure"]
    assert failure.keys() == {"code", "step", "title", "text", "fix"}


def test_a_mail_names_the_service_and_says_that_the_credential_is_kept(group: ContainerGroup) -> None:
    text = mail(group, TlsInvalid(case="expired", **STORAGE))
    assert f"The storage minio.example:9000 of the registry {HOST} showed a certificate" in text
    credential = group.image.credential
    assert credential is not None
    assert f"It is kept until {credential.deadline:%H:%M} UTC at the latest" in text
    assert "failing" not in text


def test_a_credential_that_is_gone_is_not_kept(group: ContainerGroup) -> None:
    Image.objects.update(keeps_credential=False)
    assert "is kept" not in mail(group, AccessDenied(repository="team/app", **STORAGE))


def test_a_mail_says_that_others_meet_it_too(group: ContainerGroup) -> None:
    now = database_now()
    make_outage(HOST, began_at=now - timedelta(minutes=5), last_failed_at=now)
    text = mail(group, RegistryUnreachable(reason="it refused the connection", **STORAGE))
    since = f"{now - timedelta(minutes=5):%H:%M} UTC"
    assert f"The registry {HOST} is failing for many since {since}." in text


@pytest.mark.parametrize(
    ("hold", "is_destroyed", "said"),
    [
        pytest.param("pull", True, "is pulled and encrypted, and the credential is destroyed.", id="destroyed"),
        pytest.param("hour", False, "is pulled and encrypted.", id="kept for other groups"),
        pytest.param("", False, "is pulled and encrypted.", id="public"),
    ],
)
def test_the_mail_about_an_image_that_is_ready(project: Any, hold: str, is_destroyed: bool, said: str) -> None:
    credential = make_credential(project.organization, HOST, hold=hold) if hold else None
    group = make_group(project, f"{HOST}/team/app:1", credential=credential)
    if is_destroyed and credential is not None:
        empty_credential(credential.pk, reason="settled")
        group = ContainerGroup.objects.get(pk=group.pk)
    occurrence = Occurrence(
        organization=project.organization, group=group, group_name=group.name, kind="group.ready",
        created_at=database_now(),
    )  # fmt: skip

    assert said in render_to_string("emails/notice.txt", email_context(Notice(occurrence=occurrence)))
