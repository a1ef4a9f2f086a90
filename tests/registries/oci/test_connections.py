"""What goes over a connection byte for byte, and what becomes of kept connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registries.failures import RegistryUnreachable
from registries.oci.address_guard import AddressGuard
from registries.oci.transport import Session
from tests.support.fakes.certificates import Authority
from tests.support.fakes.scripted_server import CLOSE, GOODBYE, OK, RESET, End, ScriptedServer

IDLE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture
def session(loopback: AddressGuard) -> Iterator[Session]:
    made = Session("registry.example", loopback)
    yield made
    made.close()


def body(session: Session, url: str) -> bytes | None:
    response = session.get(url)
    assert response.status == 200
    found = response.read(100)
    response.close()
    return found


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/a%2bb?X-Amz-Signature=%2f%2B+~'()*!$&,;=:@", None),
        ("//a/./b/../c?", None),
        ("/sha256:abc?sig=a%3d%3D&&x", None),
        ("/a|b?c={d}", "/a%7Cb?c=%7Bd%7D"),
        ('/?filename="a b"', "/?filename=%22a%20b%22"),
        ("/caf\u00c3\u00a9", "/caf%C3%A9"),
        ("?a", "/?a"),
        ("", "/"),
        ("/a#b", "/a"),
    ],
)
def test_an_address_is_sent_byte_for_byte(asked: str, sent: str | None, session: Session) -> None:
    """psf/requests#6473: `%2b` went out as `%2B`, and the storage answered 403."""
    with ScriptedServer([OK]) as server:
        assert body(session, f"{server.url}{asked}") == b"ok"
    assert server.lines == [f"GET {asked if sent is None else sent} HTTP/1.1"]
    assert f"\r\nHost: {server.host}\r\n".encode() in server.requests[0][1]


def test_each_media_type_has_a_line_of_its_own(session: Session) -> None:
    """containerd/containerd#5632: registries that compare whole lines fall back to schema 1."""
    with ScriptedServer([OK]) as server:
        session.get(f"{server.url}/x", {"accept": ("a/b", "c/d"), "X": "y"}).read(10)
    [(_, head)] = server.requests
    accepted = [line for line in head.split(b"\r\n") if line.lower().startswith(b"accept:")]
    assert [line.partition(b" ")[2] for line in accepted] == [b"a/b", b"c/d"]


@pytest.mark.parametrize("end", [CLOSE, RESET, IDLE], ids=["closed", "reset", "408"])
def test_a_kept_connection_that_is_dead_is_replaced(end: End | bytes, session: Session) -> None:
    """google/go-containerregistry#1268: the server closes it at the moment that the next request arrives."""
    with ScriptedServer([OK, OK, end, OK, OK]) as server:
        for _ in range(4):
            assert body(session, f"{server.url}/x") == b"ok"
    assert server.connections == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("end", [CLOSE, RESET, GOODBYE, IDLE], ids=["closed", "reset", "goodbye", "408"])
def test_a_kept_connection_over_tls_that_is_dead_is_replaced(
    end: End | bytes, loopback: AddressGuard, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    session = Session("registry.example", loopback, authority.ca_file)
    with ScriptedServer([OK, end, OK, OK], authority.issue("127.0.0.1")) as server:
        for _ in range(3):
            assert body(session, f"{server.url}/x?a=%2b") == b"ok"
        session.close()
    assert server.connections == [1, 1, 2, 2]
    assert set(server.lines) == {"GET /x?a=%2b HTTP/1.1"}


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_request_is_repeated_once(end: End, session: Session) -> None:
    with ScriptedServer([OK, end, end, OK]) as server:
        body(session, f"{server.url}/x")
        with pytest.raises(RegistryUnreachable):
            body(session, f"{server.url}/x")
    assert server.connections == [1, 1, 2]


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_new_connection_that_breaks_off_is_a_failure(end: End, session: Session) -> None:
    with ScriptedServer([end, OK]) as server, pytest.raises(RegistryUnreachable):
        body(session, f"{server.url}/x")
    assert server.connections == [1]


def test_another_status_than_408_is_an_answer(session: Session) -> None:
    with ScriptedServer([OK, IDLE.replace(b"408", b"503"), IDLE]) as server:
        body(session, f"{server.url}/x")
        assert session.get(f"{server.url}/x").status == 503
        assert session.get(f"{server.url}/x").status == 408  # on a new connection
    assert server.connections == [1, 1, 2]


def test_what_changes_something_is_not_repeated(session: Session) -> None:
    with ScriptedServer([OK, CLOSE, OK]) as server:
        body(session, f"{server.url}/x")
        with pytest.raises(RegistryUnreachable):
            session.post(f"{server.url}/x", b"", {})
    assert server.connections == [1, 1]


def test_after_an_abort_nothing_is_sent(session: Session) -> None:
    with ScriptedServer([OK, OK]) as server:
        body(session, f"{server.url}/x")
        session.abort()
        for _ in range(2):
            with pytest.raises(RegistryUnreachable):
                body(session, f"{server.url}/x")
    assert server.connections == [1]


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 199 Later\r\nConnection: close\r\n\r\n" * 16,
    ],
    ids=["103", "100", "102 and 103", "sixteen"],
)
def test_interim_responses_are_skipped(interim: bytes, session: Session) -> None:
    with ScriptedServer([interim + OK, OK]) as server:
        for _ in range(2):
            assert body(session, f"{server.url}/x") == b"ok"
    assert server.connections == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + OK, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ids=["too many", "101"],
)
def test_what_never_becomes_an_answer(answer: bytes, session: Session) -> None:
    with ScriptedServer([answer]) as server, pytest.raises(RegistryUnreachable):
        body(session, f"{server.url}/x")
