"""Credentials are opened for one host, and failures are classified as that kind of registry means them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from groups.ingest.registry_access import classify_failures
from groups.models import Failure, Image
from portal.models import Project
from registries.credential_rows import NewCredential, store_credential
from registries.failures import AccessDenied, CredentialMalformed, PullFailed
from registries.models import Credential
from registries.oci.errors import Stage, response_failure
from tests.groups.ingest.conftest import again
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_group, step_outcomes

pytestmark = pytest.mark.slow

DENIED = b'{"errors":[{"code":"DENIED","message":"denied"}]}'


def credential_of(project: Project, host: str, provider: str = "ghcr", ca: str = "", **values: str) -> Credential:
    return store_credential(
        NewCredential(
            provider=provider,
            name="registry",
            host=host,
            ca=ca,
            values=values or {"username": USER, "password": SECRET},
        ),
        organization_id=project.organization_id,
        created_by_id=None,
    )


def test_an_answer_means_what_it_means_at_that_registry(shared: Project, settings: Settings) -> None:
    with FakeRegistry(auth="bearer", users={USER: SECRET}) as registry:
        registry.push_image("team/app", "1.0")
        registry.fault("/token", status=403, body=DENIED)
        group = again(
            make_group(shared, f"{registry.host}/team/app:1.0", credential=credential_of(shared, registry.host))
        )

    failure = Failure.objects.get(group=group)
    assert (failure.step, failure.code, failure.raw) == ("authenticate", "authentication_failed", "403 DENIED")
    assert step_outcomes(group.image)["authenticate"] == "failed"
    assert "did not accept" in failure.trace[2]["detail"]


def test_the_step_says_the_same_as_the_failure(shared: Project) -> None:
    with FakeRegistry(auth="basic", users={USER: SECRET}) as registry:
        registry.push_image("team/app", "1.0")
        again(make_group(shared, f"{registry.host}/team/app:1.0"))

    failure = Failure.objects.get()
    details = [line["detail"] for line in failure.trace if line["outcome"] == "failed"]
    assert details == [failure.words.title] == ["The registry asks for credentials"]


def test_an_anonymous_pull_is_understood_by_the_host() -> None:
    def refused(registry: str) -> PullFailed:
        said = response_failure(Stage.PING, 405, {}, DENIED, host=registry, repository="team/app")
        with pytest.raises(PullFailed) as raised, classify_failures(Image(registry=registry)):
            raise said
        return raised.value

    assert isinstance(refused("quay.io"), AccessDenied)
    assert not isinstance(refused("registry.example"), AccessDenied)


@pytest.mark.parametrize("auth", ["basic", "bearer", "none"])
def test_the_receipt_names_who_saw_it(auth: str, shared: Project) -> None:
    with (
        FakeRegistry(auth="bearer", users={USER: SECRET}) as tokens,
        FakeRegistry(auth=auth, users={USER: SECRET}) as registry,
    ):
        registry.push_image("team/app", "1.0")
        if auth == "bearer":
            registry.realm = f"{tokens.url}/token"
            registry.admits = lambda seen, repository: seen.kind == "bearer"  # type: ignore[method-assign]
        credential = credential_of(shared, registry.host, "self_hosted", username=USER, password=SECRET)
        group = again(make_group(shared, f"{registry.host}/team/app:1.0", credential=credential))
        shown = [
            f"127.0.0.1:{one.port}" for one in (tokens, registry) if any(seen.kind == "basic" for seen in one.seen)
        ]

    assert group.status == "stopped"
    credential.refresh_from_db()
    assert (credential.used_count, credential.used_hosts) == (1, shown)
    assert len(shown) == (auth != "none")


def test_an_authority_of_its_own(shared: Project, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "Other")
    with FakeRegistry(auth="basic", users={USER: SECRET}, tls=authority.issue("127.0.0.1")) as registry:
        registry.push_image("team/app", "1.0")
        outcomes = []
        for number, ca in enumerate(("", other.ca_file.read_text(), authority.ca_file.read_text())):
            credential = credential_of(shared, registry.host, "self_hosted", ca=ca, username=USER, password=SECRET)
            reference = f"{registry.host}/team/app:1.0"
            group = again(make_group(shared, reference, credential=credential, name=f"app-{number}"))
            last = group.failures.first()
            outcomes.append(last.code if last else group.status)
            assert [seen.kind for seen in registry.seen if seen.kind] == [] or number == 2

    assert outcomes == ["tls_invalid", "tls_invalid", "stopped"]


def test_what_can_not_work_is_not_even_stored(shared: Project) -> None:
    for provider, host, values in (
        ("ghcr", "ghcr.io", {"username": USER, "password": "github_pat_x"}),
        ("docker_hub", "docker.io", {"username": "a@b.example", "password": SECRET}),
        ("ecr", "registry.example", {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "x" * 40}),
    ):
        with pytest.raises(CredentialMalformed):
            credential_of(shared, host, provider, **values)
    assert not Credential.objects.exists()
