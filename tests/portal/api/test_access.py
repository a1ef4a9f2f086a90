"""The whole table: each operation, for each kind of key, an organization's own and a stranger's.

Operations are read from the APIs, so one that is added is tested here without being named.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from portal.api import public, v1
from portal.models import ApiKey
from portal.organizations.api_keys import create_key, revoke
from registries.foundation.actor import CONSOLE
from tests.portal.api.conftest import CONTAINERS, Speaker, a_group
from tests.support.pulls import make_group

OPERATIONS = {
    str(operation.operation_id): (method, f"/api/{name}{path}")
    for name, api in {"public": public, "v1": v1}.items()
    for _, router in api._routers
    for path, view in router.path_operations.items()
    for operation in view.operations
    for method in operation.methods
}
WRITING = sorted(name for name, (method, _) in OPERATIONS.items() if method != "GET")
NOBODY = "00000000-0000-4000-8000-000000000000"

pytestmark = pytest.mark.django_db


def address(name: str, **instead: str) -> tuple[str, str]:
    method, path = OPERATIONS[name]
    values = {
        "organization_name": "acme",
        "project_name": "default",
        "container_group_name": "app",
        "container_group_instance_id": NOBODY,
        "trust_id": NOBODY,
        "webhook_id": NOBODY,
    } | instead
    return method, path.format(**values)


@pytest.fixture
def app(project: Any) -> Any:
    return make_group(project, "registry.example.com/team/app:1")


@pytest.fixture
def stranger(mallory: Any) -> Speaker:
    organization = mallory.memberships.get().organization
    return Speaker(create_key(organization_id=organization.pk, name="m", scope="write", by=CONSOLE)[1])


def same(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_there_is_something_to_test() -> None:
    assert len(OPERATIONS) >= 20
    assert len(WRITING) >= 9


@pytest.mark.parametrize("name", sorted(OPERATIONS))
class TestEachOperation:
    def test_without_a_key_that_works(self, name: str, app: Any, project: Any) -> None:
        method, path = address(name)
        past = timezone.now() - timedelta(seconds=1)
        acme = project.organization_id
        _, expired = create_key(organization_id=acme, name="x", scope="write", expires_at=past, by=CONSOLE)
        row, revoked = create_key(organization_id=acme, name="x", scope="write", by=CONSOLE)
        revoke(row, by=CONSOLE)

        answers = [Speaker(key).call(method, path) for key in ("", "nonsense", "drayage_" + "A" * 43, expired, revoked)]

        assert {answer.status_code for answer in answers} == {401}
        assert all(same(answer) == same(answers[0]) for answer in answers)

    def test_a_strangers_key(self, name: str, app: Any, stranger: Speaker) -> None:
        there = stranger.call(*address(name), {})
        nowhere = stranger.call(*address(name, organization_name="no-such-organization"), {})

        assert there.status_code == nowhere.status_code == 404
        assert same(there) == same(nowhere)

    def test_what_another_organization_has(self, name: str, app: Any, stranger: Speaker) -> None:
        """Below one's own organization a stranger's group is as little there as nobody's."""
        if "container_group_name" not in OPERATIONS[name][1]:
            return
        there = stranger.call(*address(name, organization_name="umbrella"), {})
        nowhere = stranger.call(*address(name, organization_name="umbrella", container_group_name="nobody"), {})

        assert there.status_code == nowhere.status_code == 404
        assert same(there) == same(nowhere)

    def test_each_scope(self, name: str, app: Any, speaks: Any) -> None:
        method, path = address(name)

        reads, writes = (speaks(scope).call(method, path, {} if method != "GET" else None) for scope in ApiKey.Scope)

        if method == "GET":
            assert reads.status_code == writes.status_code
            assert reads.status_code in (200, 404)
        else:
            assert (reads.status_code, reads.json()["code"]) == (403, "read_only")
            assert writes.status_code in (200, 202, 400, 404, 409)

    def test_a_key_of_a_single_project(self, name: str, app: Any, project: Any) -> None:
        """Within its project it is like any other; nothing else is there, nor is anything of the whole organization."""
        other = project.organization.projects.create(slug="batch", name="Batch")
        make_group(other, "registry.example.com/team/app:1")
        made = {"organization_id": project.organization_id, "name": "one", "by": CONSOLE}
        one = Speaker(create_key(**made, project_id=project.pk, scope="write")[1])
        whole = Speaker(create_key(**made, scope="write")[1])
        reads = Speaker(create_key(**made, project_id=project.pk, scope="read")[1])
        method, path = address(name)

        if "{project_name}" not in OPERATIONS[name][1]:
            answer = one.call(method, path, {})
            assert (answer.status_code, answer.json()["code"]) == (403, "one_project")
            assert "project_name" not in OPERATIONS[name][1]
            return
        elsewhere, nowhere = (one.call(*address(name, project_name=slug), {}) for slug in ("batch", "nothing"))
        assert elsewhere.status_code == nowhere.status_code == 404
        assert same(elsewhere) == same(nowhere)
        if method != "GET":
            assert reads.call(method, path, {}).json()["code"] == "read_only"
            assert reads.call(*address(name, project_name="batch"), {}).status_code == 404
        with transaction.atomic():
            expected = whole.call(method, path, {}).status_code
            transaction.set_rollback(True)
        assert one.call(method, path, {}).status_code == expected

    def test_another_method(self, name: str, app: Any, speaks: Any) -> None:
        answer = speaks().call("PUT", address(name)[1], {})

        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_another_organization_takes_no_longer_to_be_denied(app: Any, stranger: Speaker) -> None:
    """Neither is looked up: the same queries, whether it is there or not."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counted = []
    for organization in ("acme", "nobody-at-all"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            stranger.get(CONTAINERS.replace("acme", organization))
        counted.append([each["sql"].split(" WHERE ")[0] for each in queries if "UPDATE" not in each["sql"]])
    assert counted[0] == counted[1]


class TestReading:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"null",
            b"{",
            b'{"name": "a", "name": "b"}',
            b'{"replicas": 1e400}',
            b'{"replicas": ' + b"9" * 5000 + b"}",
            b'{"replicas": NaN}',
            b"[" * 100_000,
            b'{"a":' * 5000 + b"1" + b"}" * 5000,
            b'{"name": "\\ud800"}',
            b"\xff\xfe",
        ],
    )
    def test_what_can_be_read_in_two_ways_or_not_at_all(self, speaks: Any, body: bytes) -> None:
        answer = speaks().post(CONTAINERS, body)

        assert answer.status_code == 400, answer.content
        assert answer["Content-Type"] == "application/problem+json"

    def test_what_is_too_large(self, speaks: Any) -> None:
        answer = speaks().post(CONTAINERS, a_group(container={"image": "x" * 1_100_000}))

        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_another_media_type(self, speaks: Any) -> None:
        answer = speaks().call("POST", CONTAINERS, "name=app", kind="application/x-www-form-urlencoded")

        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    def test_an_address_that_is_none(self, speaks: Any) -> None:
        answer = speaks().get("/api/public/nothing")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["request_id"] == answer["X-Request-Id"]


@pytest.mark.parametrize("broken", ["portal.api.access.find_live_key", "groups.api.lookup.find_project"])
def test_without_its_database_it_is_not_available(speaks: Any, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(*arguments: Any, **names: Any) -> Any:
        raise OperationalError("could not connect to db.internal as user drayage")

    speaker = speaks()
    monkeypatch.setattr(broken, away)

    answer = speaker.get(CONTAINERS)

    assert (answer.status_code, answer.json()["code"]) == (503, "not_available")
    assert answer["Retry-After"]
    assert b"db.internal" not in answer.content


def test_an_unexpected_error_reveals_nothing(speaks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        raise ZeroDivisionError("canary-77aa")

    speaker = speaks()
    monkeypatch.setattr("groups.api.lookup.find_project", broken)

    answer = speaker.get(CONTAINERS)

    assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert b"canary" not in answer.content
