"""How often a key may call, and how often somebody may call with a wrong one."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

from portal.api.rate import MAX_WRONG_KEYS, Counter
from portal.runtime.services import redis_binary
from tests.portal.api.conftest import CONTAINERS, Speaker

pytestmark = pytest.mark.django_db


class TestRate:
    def test_a_key_may_call_so_often(self, speaks: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.PORTAL_API_CALLS_A_MINUTE = 3
        monkeypatch.setattr(time, "time", lambda: 1_000_020.0)
        speaker, other = speaks(), speaks()

        answers = [speaker.get(CONTAINERS) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert answers[3]["Retry-After"] == answers[3]["RateLimit-Reset"] == "60"
        assert answers[3].json()["code"] == "too_many_calls"
        assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
        assert other.get(CONTAINERS).status_code == 200
        monkeypatch.setattr(time, "time", lambda: 1_000_080.0)
        assert speaker.get(CONTAINERS).status_code == 200

    def test_processes_share_the_count_in_redis(self, tmp_path: Any) -> None:
        socket = tmp_path / "redis.sock"
        command = [redis_binary(), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 10
            while not socket.exists():
                assert time.monotonic() < end, "Redis does not come up"
                time.sleep(0.02)
            one, two = Counter(f"unix://{socket}"), Counter(f"unix://{socket}")
            assert [one.add("key", 1), two.add("key", 1), one.add("key", 1), one.add("key", 2)] == [1, 2, 3, 1]
            for counter in (one, two):
                counter._redis.close()
        finally:
            server.terminate()
            server.wait()

    def test_without_redis_each_counts_for_itself_and_asks_no_more(self) -> None:
        counter = Counter("redis://127.0.0.1:1/0")
        assert [counter.add("key", 1) for _ in range(3)] == [1, 2, 3]
        assert counter._unavailable_until > time.monotonic()


def test_wrong_keys_are_limited_by_address_and_no_valid_one_with_them(speaks: Any, time_machine: Any) -> None:
    time_machine.move_to("2026-05-04T12:00:30Z", tick=False)
    wrong, elsewhere = Speaker("drayage_" + "a" * 43), Speaker("drayage_" + "a" * 43, REMOTE_ADDR="192.0.2.1")
    assert {wrong.get(CONTAINERS).status_code for _ in range(MAX_WRONG_KEYS)} == {401}
    refused = wrong.get(CONTAINERS)
    assert (refused.status_code, refused["Retry-After"], refused.json()["code"]) == (429, "30", "too_many_calls")
    assert speaks().get(CONTAINERS).status_code == 200
    assert elsewhere.get(CONTAINERS).status_code == 401
    time_machine.move_to("2026-05-04T12:01:01Z", tick=False)
    assert wrong.get(CONTAINERS).status_code == 401
