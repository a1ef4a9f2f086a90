"""What a node may send when it polls, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_any
from hypothesis import strategies as st

from groups.models import Instance
from groups.nodes.report import ReportInvalid, read_report
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand
from tests.support.node_reports import GOOD, listed, send

__all__ = ["clock"]

ID = "00000000-0000-0000-0000-000000000000"


def instance() -> Instance:
    return Instance.objects.get()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"\xff",
        b'{"capacity":{"cpu":1e400,"memory_mb":1},"instances":[]}',
        b'{"capacity":{"cpu":NaN,"memory_mb":1},"instances":[]}',
        b'{"a":1,"a":2}',
        b'{"a":' + b"[" * 10_000,
        {},
        GOOD | {"capacity": None},
        GOOD | {"capacity": {}},
        GOOD | {"capacity": {"cpu": -1, "memory_mb": 1}},
        GOOD | {"capacity": {"cpu": True, "memory_mb": 1}},
        GOOD | {"capacity": {"cpu": "1", "memory_mb": 1}},
        GOOD | {"capacity": {"cpu": 10**18, "memory_mb": 1}},
        GOOD | {"capacity": {"cpu": 1, "memory_mb": 1, "gpu": 1}},
        GOOD | {"platform": 1},
        GOOD | {"platform": "amd64"},
        GOOD | {"platform": "linux/amd64/v3/avx"},
        GOOD | {"platform": "linux/" + "a" * 32 + "/v1"},
        GOOD | {"instances": None},
        GOOD | {"instances": {}},
        GOOD | {"instances": [1]},
        GOOD | {"instances": [{"id": ID}]},
        GOOD | {"instances": [{"state": "running"}]},
        GOOD | {"instances": [{"id": "x", "state": "running"}]},
        GOOD | {"instances": [{"id": 7, "state": "running"}]},
        GOOD | {"instances": [{"id": ID, "state": "sleeping"}]},
        GOOD | {"instances": [{"id": ID, "state": ["running"]}]},
        GOOD | {"instances": [{"id": ID, "state": "running", "progress": 101}]},
        GOOD | {"instances": [{"id": ID, "state": "running", "progress": "5"}]},
        GOOD | {"instances": [{"id": ID, "state": "running", "message": {}}]},
        GOOD | {"instances": [{"id": ID, "state": "running"}] * 2},
        GOOD | {"instances": [{"id": ID, "state": "running"}] * 1001},
    ],
    ids=lambda body: str(body)[:60],
)
def test_reports_that_are_none(node: NodeInHand, body: Any) -> None:
    response = send(node, body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response["Content-Type"] == "application/problem+json"


def test_what_is_wrong_is_named() -> None:
    item: dict[str, Any] = {"id": ID, "state": "exited", "exit_code": 0}
    wrong: list[tuple[str, Any]] = [("id", 7), ("state", "x"), ("progress", 101), ("message", {}), ("exit_code", 256)]
    for name, value in (("cpu", -1), ("memory_mb", None), ("gpu", 5)):
        with pytest.raises(ReportInvalid, match=rf"^capacity\.{name} is "):
            read_report(GOOD | {"capacity": {"cpu": 1, "memory_mb": 1} | {name: value}})
    for name, value in wrong:
        with pytest.raises(ReportInvalid, match=rf"^instances\.{name} is "):
            read_report(GOOD | {"instances": [item | {name: value}]})
    for name in ("capacity", "instances"):
        with pytest.raises(ReportInvalid, match=f"^{name} is "):
            read_report(GOOD | {name: None})
    with pytest.raises(ReportInvalid, match=r"^instances names each id once"):
        read_report(GOOD | {"instances": [item, item]})


def test_a_report_that_is_too_large(node: NodeInHand) -> None:
    body = json.dumps(GOOD).encode()
    assert send(node, body + b" " * (1024 * 1024 - len(body))).status_code == 200
    response = send(node, body + b" " * (1024 * 1024 + 1 - len(body)))
    assert (response.status_code, response["Content-Type"]) == (413, "application/problem+json")
    assert response.json() == {
        "type": "about:blank",
        "title": "Too large",
        "status": 413,
        "code": "too_large",
        "detail": "Send at most 1024 KiB.",
    }


def test_the_largest_report_is_read(node: NodeInHand) -> None:
    many = [{"id": f"00000000-0000-0000-0000-{number:012}", "state": "running"} for number in range(1000)]
    largest = {"cpu": 4096, "memory_mb": 2**30, "gpu": "x" * 101}
    response = send(node, {"capacity": largest, "instances": many})
    assert response.status_code == 200
    assert len(response.json()["stop"]) == 1000
    node.row.refresh_from_db()
    assert (node.row.cpu, node.row.memory_mb, node.row.gpu) == (4096, 2**30, "x" * 100)
    last = {"id": ID, "state": "exited", "progress": 100, "message": "x" * 301, "exit_code": 255}
    (read,) = read_report(GOOD | {"instances": [last]}).instances
    assert (read.progress, read.message, read.exit_code) == (100, "x" * 300, 255)
    for name, limit in (("cpu", 4096), ("memory_mb", 2**30)):
        with pytest.raises(ReportInvalid, match=name):
            read_report({"capacity": largest | {name: limit + 1}, "instances": []})
    for state in ("creating", "running"):
        with pytest.raises(ReportInvalid, match="exit_code"):
            read_report(GOOD | {"instances": [last | {"state": state, "exit_code": 256}]})


def test_a_poll_says_what_the_node_has_and_when(clock: Clock, node: NodeInHand, other_node: NodeInHand) -> None:
    for poll in range(2):
        clock.shift(5)
        has = {"cpu": 3 + poll, "memory_mb": 2048, "gpu": "rtx4090"}
        assert send(node, {"capacity": has, "instances": []}).status_code == 200
        node.row.refresh_from_db()
        assert (node.row.cpu, node.row.memory_mb, node.row.gpu) == (3 + poll, 2048, "rtx4090")
        assert node.row.last_seen_at == clock.now
    other_node.row.refresh_from_db()
    assert (other_node.row.cpu, other_node.row.last_seen_at) == (0, None)


def test_messages_are_made_fit_to_show(node: NodeInHand, given: dict[str, Any]) -> None:
    node.poll(listed(given, "downloading", message="\x1b[31ma\x00b\r\n\u202ec" + "x" * 1000, progress=12.7))
    assert instance().message.startswith("[31ma b c")
    assert len(instance().message) <= 300
    assert instance().progress == 12


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "state", "progress", "message", "cpu", "memory_mb", "x"]), inner, max_size=5
        )
    ),
    max_leaves=15,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@for_any(st.fixed_dictionaries({"capacity": anything, "instances": anything}) | anything)
def test_whatever_is_sent_gets_an_answer(node: NodeInHand, body: Any) -> None:
    assert send(node, body).status_code in (200, 400)


@pytest.mark.parametrize(("said", "platform"), [
    ({}, ""),
    ({"platform": None}, ""),
    ({"platform": ""}, ""),
    ({"platform": "linux/arm64"}, "linux/arm64"),
    ({"platform": "Linux/x86_64"}, "linux/amd64"),
    ({"platform": "linux/aarch64/v8"}, "linux/arm64"),
    ({"platform": "linux/amd64/v3"}, "linux/amd64/v3"),
])  # fmt: skip
def test_a_platform_has_one_spelling(said: dict[str, Any], platform: str) -> None:
    """As containerd normalises it; a node that says nothing, as before there were platforms, has none."""
    assert read_report(GOOD | said).platform == platform
