"""Each attempt that fails is counted at once, not only the last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.failures import StoreFailed
from groups.ingest import failed_attempts
from groups.ingest.failed_attempts import can_be_outage
from groups.models import FailedAttempt, Image
from portal.models import Organization, Project
from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    HostUnknown,
    ImageNotFound,
    Interrupted,
    PullFailed,
    RateLimited,
    RegistryRefuses,
    RegistryUnreachable,
    ResolverFailed,
    TlsInvalid,
)
from tests.groups.ingest.conftest import Pulled, again
from tests.support.fakes.registry import FakeRegistry


def test_a_pull_counts_from_its_first_attempt(shared: Project, pulled: Pulled, basic_registry: FakeRegistry) -> None:
    basic_registry.close()
    group = pulled(basic_registry)
    assert group.status == "pending"
    (first,) = FailedAttempt.objects.all()
    assert (first.kind, first.code, first.final) == ("self_hosted", "registry_unreachable", False)

    Image.objects.filter(pk=group.image_id).update(attempt=4)
    assert again(group).status == "failed"
    assert list(FailedAttempt.objects.order_by("pk").values_list("final", flat=True)) == [False, True]


@pytest.mark.parametrize(
    ("provider", "registry", "kind"),
    [("quay", "registry.example.com", "quay"), ("", "ghcr.io", "ghcr"), ("", "registry.example.com", "self_hosted")],
)
def test_the_kind_of_registry_is_the_credentials_or_that_of_the_host(
    acme: Organization, provider: str, registry: str, kind: str
) -> None:
    image = Image(organization=acme, provider=provider, registry=registry)
    failed_attempts.add(image, Interrupted(), "layers", final=True)

    row = FailedAttempt.objects.get()
    assert (row.organization, row.kind, row.code, row.step, row.final) == (acme, kind, "interrupted", "layers", True)


def test_counts_are_kept_for_thirty_days(acme: Organization) -> None:
    rows = [
        FailedAttempt.objects.create(organization=acme, kind="quay", code="x", step="layers", final=False)
        for _ in range(2)
    ]
    for row, over in zip(rows, (-60, 60), strict=True):
        created_at = timezone.now() - timedelta(days=30, seconds=over)
        FailedAttempt.objects.filter(pk=row.pk).update(created_at=created_at)

    assert failed_attempts.delete_old() == 1
    assert FailedAttempt.objects.get() == rows[0]


HUB, OWN, ACR = "docker.io", "registry.example.com", "team.azurecr.io"


@pytest.mark.parametrize(
    ("failure", "step", "registries"),
    [
        pytest.param(RegistryUnreachable(), "connect", {HUB, OWN, ACR}, id="docker/hub-feedback#1897: 503"),
        pytest.param(ResolverFailed(), "resolve", {HUB, OWN, ACR}, id="docker/for-mac#1340: server misbehaving"),
        pytest.param(RateLimited(), "manifest", {HUB, OWN, ACR}, id="429"),
        pytest.param(RegistryRefuses(case="busy", retryable=True), "manifest", {HUB, OWN, ACR}, id="409"),
        pytest.param(RegistryRefuses(case="policy"), "manifest", set(), id="harbor#19983: 412"),
        pytest.param(TlsInvalid(case="expired"), "connect", {HUB, OWN, ACR}, id="Shippable/support#1192: expired"),
        pytest.param(TlsInvalid(case="unknown_authority"), "connect", {HUB}, id="a private authority"),
        pytest.param(HostUnknown(), "resolve", {HUB}, id="a misspelt name"),
        pytest.param(AccessDenied(), "layers", {HUB, OWN, ACR}, id="publish-unit-test-result-action#307: blobs alone"),
        pytest.param(AccessDenied(), "manifest", set(), id="no permission"),
        pytest.param(ImageNotFound(), "platform", {HUB, OWN, ACR}, id="docker/hub-feedback#1693: unknown blob"),
        pytest.param(ImageNotFound(), "manifest", set(), id="no such tag"),
        pytest.param(AuthenticationFailed(), "authenticate", set(), id="a wrong password"),
        pytest.param(Interrupted(), "layers", set(), id="our worker"),
        pytest.param(StoreFailed(), "layers", set(), id="our store"),
    ],
)
def test_what_can_be_an_outage(failure: PullFailed, step: str, registries: set[str]) -> None:
    assert {registry for registry in (HUB, OWN, ACR) if can_be_outage(failure, registry, step)} == registries


@pytest.mark.parametrize(
    ("host", "key"),
    [("ghcr.io", "ghcr"), ("index.docker.io", "docker_hub"), ("a.azurecr.io", "acr"), ("b.azurecr.io", "acr")],
)
def test_a_service_is_one_registry_whichever_its_hosts(acme: Organization, host: str, key: str) -> None:
    failed_attempts.add(Image(organization=acme, registry=host), RegistryUnreachable(), "connect", final=False)
    row = FailedAttempt.objects.get()
    assert (row.registry, row.passes) == (key, True)


def test_other_hosts_are_told_apart_without_their_names(acme: Organization) -> None:
    for host in (OWN, f"{OWN}:443", f"{OWN}:5000"):
        failed_attempts.add(Image(organization=acme, registry=host), RegistryUnreachable(), "connect", final=False)
    first, same, other = FailedAttempt.objects.order_by("pk").values_list("registry", flat=True)
    assert first == same != other
    assert len(first) == 32
    assert "example" not in first
