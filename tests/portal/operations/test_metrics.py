"""What Prometheus reads, and who else may."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from groups.models import Failure
from tests.support.pulls import SECRET, make_blob, make_credential, make_group


@pytest.fixture(autouse=True)
def _fresh() -> None:
    caches["node_calls"].clear()


@pytest.fixture
def figures(db: None) -> Any:
    """Read them as a program on this machine does: `figures()["drayage_groups", "pending"]`."""

    def read() -> dict[Any, float]:
        answer = Client().get("/metrics")
        assert answer.status_code == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    return read


def test_what_waits_and_what_is_held(figures: Any, project: Any) -> None:
    credential = make_credential(project.organization, "registry.example.com")
    make_group(project, "registry.example.com/team/app:1", credential=credential)

    read = figures()

    assert read["drayage_groups", "pending"] == 1
    assert read["drayage_groups", "running"] == 0
    assert read["drayage_images", "queued"] == 1
    assert read["drayage_credentials_held",] == 1
    assert read["drayage_credentials_overdue",] == 0
    assert read["drayage_redis_up",] == 0


def test_failures_by_kind_of_registry_and_code(figures: Any, acme: Any) -> None:
    for _ in range(2):
        Failure.objects.create(
            organization=acme,
            group_name="app",
            reference="x",
            registry="x",
            provider="quay",
            step="connect",
            code="tls_invalid",
        )

    assert figures()["drayage_failures_last_hour", "tls_invalid", "quay"] == 2


def test_what_is_stored_counts_once_however_many_images_share_it(figures: Any, acme: Any) -> None:
    make_blob(acme, name="one", size=700)
    make_blob(acme, name="two", size=300)

    assert figures()["drayage_stored_bytes",] == 1000


def test_names_nobody(figures: Any, project: Any) -> None:
    credential = make_credential(project.organization, "registry.example.com")
    make_group(project, "registry.example.com/team/app:1", credential=credential, name="payroll")

    text = Client().get("/metrics").text

    assert not [word for word in ("acme", "payroll", "example.com", SECRET) if word in text.lower()]


class TestWhoMayRead:
    @pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-Ip"])
    def test_not_through_a_proxy(self, db: None, header: str) -> None:
        assert Client().get("/metrics", headers={header: "127.0.0.1"}).status_code == 404

    def test_not_from_elsewhere(self, db: None) -> None:
        assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics").status_code == 404

    def test_an_operator(self, olga: Any, as_user: Any) -> None:
        assert as_user(olga).get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 200

    @pytest.mark.parametrize("person", ["alice", "sam"])
    def test_no_member_and_no_support(self, person: str, request: pytest.FixtureRequest, as_user: Any) -> None:
        browser = as_user(request.getfixturevalue(person))

        assert browser.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404

    def test_whoever_has_the_token(self, db: None, settings: Any) -> None:
        settings.PORTAL_METRICS_TOKEN = "a-long-token"
        stranger = Client(REMOTE_ADDR="203.0.113.9")

        assert stranger.get("/metrics", headers={"Authorization": "Bearer a-long-token"}).status_code == 200
        assert stranger.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
        assert stranger.get("/metrics", headers={"Authorization": "Bearer é"}).status_code == 404
        assert Client().get("/metrics").status_code == 404

    def test_reading_only(self, db: None) -> None:
        assert Client().post("/metrics").status_code == 405
