"""Each attempt that fails is counted at once, not only the last."""

from __future__ import annotations

from groups.models import FailedAttempt, Image
from portal.models import Project
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
