"""Each attempt that fails is counted at once, not only the last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.ingest import failed_attempts
from groups.models import FailedAttempt, Image
from portal.models import Organization, Project
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
    failed_attempts.add(image, "interrupted", "layers", final=True)

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
