"""Exports are limited: in number at once, in rows, and in the time that a slow reader may take."""

from __future__ import annotations

import csv
import gc
import html
import io
import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.test import Client, RequestFactory

from portal.audit import download, export, export_slots, views
from portal.audit.download import Download
from portal.http.actors import actor_of
from portal.models import Activity, Organization, User
from registries.foundation.activity import Target, record
from registries.foundation.actor import ActorKind
from registries.foundation.ids import OrganizationId
from tests.faults.disk import small_disk
from tests.support.activity import write_activity
from tests.support.exports import Clock

PAGE = "/o/acme/settings/activity/"
pytestmark = pytest.mark.usefixtures("free_slots")
ORGANIZATION = OrganizationId(1)


def lines_of(response: HttpResponseBase) -> list[dict[str, object]]:
    assert response.streaming
    return [json.loads(line) for line in response.getvalue().decode().splitlines()]


def nothing() -> None:
    """What is called when a download ends, where the test doesn't care."""


class TestSlots:
    def test_one_export_of_an_organization_at_a_time(self, acme: Organization, member: Client) -> None:
        first = member.get(f"{PAGE}export.csv")
        refused = member.get(f"{PAGE}export.jsonl")

        assert first.status_code == 200
        assert (refused.status_code, refused["Retry-After"]) == (429, "30")
        assert "Another export of this organization is in progress" in refused.text
        assert first.getvalue()
        assert member.get(f"{PAGE}export.jsonl").getvalue() == b""

    def test_two_exports_in_all(
        self, acme: Organization, member: Client, mallory: User, as_user: Callable[[User], Client]
    ) -> None:
        slots = [export_slots.take(OrganizationId(-1)), export_slots.take(OrganizationId(-2))]
        assert member.get(f"{PAGE}export.csv").status_code == 429

        slots[0].release()
        slots[0].release()
        response = member.get(f"{PAGE}export.csv")
        assert response.status_code == 200
        assert as_user(mallory).get("/o/umbrella/settings/activity/export.csv").status_code == 429
        assert response.getvalue()
        slots[1].release()

    def test_an_export_that_fails_frees_its_slot(
        self, acme: Organization, bob: User, member: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(rows: object, format: object, *, has_left: object) -> None:
            raise OSError("disk full")

        write_activity(acme.pk, bob, "group.started", "web")
        member.raise_request_exception = False
        with monkeypatch.context() as patch:
            patch.setattr(views, "build", fail)
            assert member.get(f"{PAGE}export.csv").status_code == 500
        assert lines_of(member.get(f"{PAGE}export.jsonl"))

    def test_a_response_that_is_dropped_frees_its_slot(self) -> None:
        slot = export_slots.take(ORGANIZATION)
        dropped = Download(io.BytesIO(b"x"), 1, on_close=slot.release)
        assert export_slots._taken
        del dropped
        gc.collect()
        assert export_slots._taken == []

    def test_a_client_that_leaves_while_rows_are_read_frees_its_slot(
        self, acme: Organization, bob: User, member: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "CHUNK", 1)
        for _ in range(5):
            write_activity(acme.pk, bob, "group.started", "web")
        asked: list[bool] = []

        def has_left() -> bool:
            asked.append(len(asked) == 2)
            return asked[-1]

        server: Any = {views.HAS_LEFT: has_left}
        response = member.get(f"{PAGE}export.csv", **server)
        assert response.status_code == 499
        assert asked == [False, False, True]
        assert export_slots._taken == []

    def test_a_slot_that_was_never_released_is_free_when_its_time_is_over(self, clock: Clock) -> None:
        lost = export_slots.take(ORGANIZATION)
        clock.now += export_slots.MAX_SLOT_SECONDS - 1
        with pytest.raises(export_slots.TooManyExports):
            export_slots.take(ORGANIZATION)

        clock.now += 2
        taken = export_slots.take(ORGANIZATION)
        lost.release()
        with pytest.raises(export_slots.TooManyExports):
            export_slots.take(ORGANIZATION)
        taken.release()

    def test_a_slot_lasts_as_long_as_an_export_can(self) -> None:
        assert export_slots.MAX_SLOT_SECONDS > export.MAX_BUILD_SECONDS + download.MAX_SEND_SECONDS


class TestRows:
    @pytest.mark.parametrize("chunk", [2, 3, 100])
    def test_the_newest_rows_are_exported_and_the_name_says_so(
        self, acme: Organization, bob: User, member: Client, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(export, "CHUNK", chunk)
        for number in range(6):
            write_activity(acme.pk, bob, "group.started", f"web-{number}")
        assert "An export has" not in member.get(PAGE).text
        whole = member.get(f"{PAGE}export.jsonl?area=group")
        assert [line["target"] for line in lines_of(whole)] == [f"web-{number}" for number in range(5, -1, -1)]
        assert 'filename="acme-activity.jsonl"' in whole["Content-Disposition"]

        for module in (export, views):
            monkeypatch.setattr(module, "MAX_EXPORT_ROWS", 3)
        response = member.get(f"{PAGE}export.csv?area=group")
        assert 'filename="acme-activity-newest-3.csv"' in response["Content-Disposition"]
        sent = response.getvalue()
        assert int(response["Content-Length"]) == len(sent)
        _, *rows = csv.reader(io.StringIO(sent.decode()))
        assert [row[export.COLUMNS.index("target")] for row in rows] == ["web-5", "web-4", "web-3"]

    def test_the_rows_before_those_are_exported_by_a_link_on_the_page(
        self, acme: Organization, bob: User, member: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(7):
            write_activity(acme.pk, bob, "group.started", f"web-{number}")
            write_activity(acme.pk, bob, "credential.added", f"key-{number}")
        for module in (export, views):
            monkeypatch.setattr(module, "MAX_EXPORT_ROWS", 3)

        query, parts = "area=group", []
        while query:
            page = member.get(f"{PAGE}?{query}").text
            parts.append([line["target"] for line in lines_of(member.get(f"{PAGE}export.jsonl?{query}"))])
            older = re.search(r'href="\?([^"]+)">Show the rows before those', page)
            query = html.unescape(older[1]) if older else ""

        assert parts == [["web-6", "web-5", "web-4"], ["web-3", "web-2", "web-1"], ["web-0"]]
        assert "Only rows before number" in page

    def test_finding_rows_ends_in_time(
        self, acme: Organization, bob: User, member: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_activity(acme.pk, bob, "group.started", "web")
        seconds = count(0, export.MAX_BUILD_SECONDS + 1)
        monkeypatch.setattr(clock, "monotonic", lambda: next(seconds))

        response = member.get(f"{PAGE}export.csv")
        assert response.status_code == 503
        assert "Export fewer days" in response.text

    def test_a_disk_that_is_full_is_said_and_leaves_nothing(
        self, acme: Organization, bob: User, member: Client, settings: LazySettings, tmp_path: Path
    ) -> None:
        write_activity(acme.pk, bob, "group.started", "x" * 200)
        with small_disk(tmp_path / "disk", 4096) as disk:
            if disk is None:
                pytest.skip("a small file system can be mounted by root only")
            (disk / "full").write_bytes(b"x" * 4096)
            settings.PORTAL_DATA_DIR = disk

            for name in ("export.csv", "export.jsonl"):
                response = member.get(f"{PAGE}{name}")
                assert response.status_code == 507, response
                assert "disk is full" in response.text
                assert [path.name for path in disk.iterdir()] == ["full"]
            (disk / "full").unlink()
            assert "group.started" in member.get(f"{PAGE}export.csv").getvalue().decode()

    def test_the_temporary_file_is_gone(
        self, acme: Organization, member: Client, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
    ) -> None:
        built: list[export.Export] = []

        def build(rows: QuerySet[Activity], format: export.Format, *, has_left: Callable[[], bool]) -> export.Export:
            built.append(export.build(rows, format, has_left=has_left))
            return built[0]

        before = set(settings.PORTAL_DATA_DIR.iterdir())
        monkeypatch.setattr(views, "build", build)
        response = member.get(f"{PAGE}export.csv")
        assert [item.file.closed for item in built] == [False]
        assert response.getvalue()

        assert [item.file.closed for item in built] == [True]
        assert set(settings.PORTAL_DATA_DIR.iterdir()) == before


def test_support_is_named_and_not_located(
    acme: Organization, sam: User, olga: User, member: Client, rf: RequestFactory
) -> None:
    for person in (sam, olga):
        request = rf.get("/admin/desk/failure/x/", REMOTE_ADDR="198.51.100.77")
        request.user = person
        with transaction.atomic():
            record(actor_of(request), "support.looked", Target("failure", "x", "web"), organization_id=acme.pk)

    row = Activity.objects.filter(action="support.looked").latest("number")
    assert (row.actor_kind, row.actor_key, row.text.client_address) == (
        ActorKind.SUPPORT,
        str(olga.pk),
        "198.51.100.77",
    )
    assert actor_of(request).person_id == olga.pk
    for ending in ("csv", "jsonl"):
        text = member.get(f"{PAGE}export.{ending}").getvalue().decode()
        assert sam.email in text
        assert "198.51.100.77" not in text
