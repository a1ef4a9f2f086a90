"""How layers are sent: whole once, resumed, in parts, side by side, and no longer than the session."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest
from django.db import DatabaseError
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from groups.delivery import sending, slots, transfers
from groups.delivery.blob_responses import NoSuchBlob, respond
from groups.delivery.ranges import Span
from groups.delivery.transfers import TransferStopped
from groups.failures import StoreFailed
from groups.models import Image, LayerDelivery, NodeToken
from portal.models import Organization
from tests.support.delivery_requests import NAME, body, cut, over, refusals
from tests.support.delivery_setup import NodeInHand, digest_of, make_group, started

pytestmark = pytest.mark.slow


def test_a_layer_is_sent_whole_once(client: Client, bearer: dict[str, str], layers: list[str]) -> None:
    body(client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer))
    for headers in (bearer, bearer | {"Range": "bytes=0-"}, bearer | {"Range": "bytes=0-5"}):
        again = client.get(f"{NAME}/blobs/{layers[0]}", headers=headers)
        assert (again.status_code, again.json()["errors"][0]["code"]) == (403, "DENIED")
    assert body(client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer))
    assert refusals() == ["layer_again"] * 3


def test_a_layer_that_is_listed_twice_is_sent_twice(
    client: Client, bearer: dict[str, str], image: Image, layers: list[str]
) -> None:
    image.layers.filter(position=2).update(blob=image.layers.get(position=0).blob)
    got = [client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer) for _ in range(3)]
    assert [response.status_code for response in got[:2]] == [200, 200]
    assert body(got[0]) == body(got[1])
    with pytest.raises(TransferStopped):  # it began beside the others, and does not get the end
        body(got[2])
    assert client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer).status_code == 403


def test_of_many_that_fetch_a_layer_at_once_one_gets_its_end(
    client: Client, bearer: dict[str, str], layers: list[str]
) -> None:
    under_way = [client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer) for _ in range(5)]
    whole = 0
    for response in under_way:
        try:
            body(response)
            whole += 1
        except TransferStopped:
            continue
    assert whole == 1
    assert LayerDelivery.objects.get(digest=layers[1]).sent_whole == 1


def test_a_broken_transfer_is_resumed(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    broken = client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer)
    size = int(broken["Content-Length"])
    start = next(iter(broken))
    cut(broken)
    assert LayerDelivery.objects.get().sent_whole == 0
    rest = client.get(
        f"{NAME}/blobs/{layers[1]}",
        headers=bearer | {"Range": f"bytes={len(start)}-", "If-Range": f'"{layers[1]}"'},
    )
    assert rest.status_code == 206
    assert rest["Content-Range"] == f"bytes {len(start)}-{size - 1}/{size}"
    assert digest_of(start + body(rest)) == layers[1]
    assert LayerDelivery.objects.get().sent_whole == 1
    assert client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer).status_code == 403


def test_a_client_that_was_cut_at_the_end_may_resume_but_not_for_ever(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    body(client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer))
    statuses = []
    for _ in range(4):
        response = client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer | {"Range": "bytes=1-"})
        statuses.append(response.status_code)
        body(response)
    assert statuses == [206, 206, 403, 403]


@pytest.mark.parametrize("asked", ["bytes=0-{}", "bytes=1-", "bytes=2-{}"])
def test_transfers_side_by_side_keep_to_the_bound(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    address = f"{NAME}/blobs/{layers[1]}"
    size = int(client.head(address, headers=bearer)["Content-Length"])
    asking = bearer | {"Range": asked.format(size - 2)}

    under_way = [client.get(address, headers=asking) for _ in range(10)]

    sent = [body(response) for response in under_way if response.status_code == 206]
    assert [response.status_code for response in under_way] == [206] * 3 + [403] * 7
    assert LayerDelivery.objects.get().sent_bytes == sum(map(len, sent)) <= 3 * size


def test_what_was_not_sent_may_be_asked_for_again(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 1024)
    address = f"{NAME}/blobs/{layers[1]}"
    for tries in range(1, 21):
        cut(client.get(address, headers=bearer))
        assert LayerDelivery.objects.get().sent_bytes == 1024 * tries
    assert digest_of(body(client.get(address, headers=bearer))) == layers[1]


def test_a_storage_that_is_away_costs_nothing(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str) -> None:
        raise StoreFailed(raw="away")

    monkeypatch.setattr("groups.delivery.blob_responses._open", away)
    for _ in range(5):
        assert client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer).status_code == 503
    assert LayerDelivery.objects.get().sent_bytes == 0


@pytest.mark.parametrize(
    "asked",
    ["9-1", "99999999-", "-0", "", "-", "a-b", "1-2,4-5", "１-2", ",".join(f"{n}-{n}" for n in range(1000))],
)
def test_odd_ranges_are_not_satisfied(client: Client, bearer: dict[str, str], layers: list[str], asked: str) -> None:
    response = client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer | {"Range": f"bytes={asked}"})
    assert response.status_code == 416
    assert response["Content-Range"].startswith("bytes */")


def test_ranges_that_are_satisfied(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    address = f"{NAME}/blobs/{layers[1]}"
    some = client.get(address, headers=bearer | {"Range": "bytes=0-9"})
    assert (some.status_code, some["Content-Length"], len(body(some))) == (206, "10", 10)
    tail = client.get(address, headers=bearer | {"Range": "bytes=-7"})
    assert (tail.status_code, len(body(tail))) == (206, 7)
    other_unit = client.get(address, headers=bearer | {"Range": "lines=1-2"})
    assert other_unit.status_code == 200
    cut(other_unit)
    changed = client.get(address, headers=bearer | {"Range": "bytes=5-", "If-Range": '"sha256:0"'})
    assert changed.status_code == 200
    cut(changed)


@pytest.mark.parametrize("how", ["ended", "expired", "stopping", "instance gone", "node removed", "image gone"])
def test_a_session_that_ends_in_mid_download_stops_the_transfer(
    client: Client, bearer: dict[str, str], layers: list[str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    monkeypatch.setattr(sending, "CHECK_SECONDS", 0)
    response = client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer)
    pieces = iter(response)
    got = len(next(pieces))
    over(how)
    with pytest.raises(TransferStopped):
        got += sum(len(piece) for piece in pieces)
    assert 0 < got < int(response["Content-Length"])


def test_a_short_session_end_is_noticed_before_the_last_piece(
    client: Client, bearer: dict[str, str], layers: list[str]
) -> None:
    response = client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer)
    over("ended")
    with pytest.raises(TransferStopped):
        body(response)


@pytest.mark.parametrize("times", [1, 2])
def test_the_bound_of_bytes_is_three_times_what_is_listed(bearer: dict[str, str], times: int) -> None:
    token, size = NodeToken.objects.get().pk, 5 * 1024 * 1024
    whole, inner = Span(0, size - 1, size, is_part=False), Span(1, size - 1, size, is_part=True)
    beside = sending.begin(token, "sha256:beside", whole, times)
    for span, name in ((whole, "sha256:whole"), (inner, "sha256:inner")):
        for _ in range(3 * times):
            sending.begin(token, name, span, times)
        with pytest.raises(sending.SentBefore):
            sending.begin(token, name, span, times)
        assert LayerDelivery.objects.get(digest=name).sent_bytes == 3 * times * span.length
    # What is left may still be asked for, to the last byte.
    sending.begin(token, "sha256:inner", Span(1, 3 * times, size, is_part=True), times)
    with pytest.raises(sending.SentBefore):
        sending.begin(token, "sha256:inner", Span(1, 1, size, is_part=True), times)
    # Small layers count as a mebibyte, or a few broken transfers would use them up.
    small = Span(0, 9, 10, is_part=False)
    row = sending.begin(token, "sha256:small", small, times)
    LayerDelivery.objects.filter(pk=row.pk).update(sent_bytes=3 * times * 1024 * 1024 - 10)
    sending.begin(token, "sha256:small", small, times)
    with pytest.raises(sending.SentBefore):
        sending.begin(token, "sha256:small", small, times)
    beside.refresh_from_db()
    assert beside.sent_bytes == size, "nor does it count for another layer"
    sending.give_back(row, 10)
    beside.refresh_from_db()
    assert beside.sent_bytes == size


def test_a_layer_that_is_listed_twice_may_be_resumed_both_times(
    client: Client, bearer: dict[str, str], image: Image, layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    image.layers.filter(position=2).update(blob=image.layers.get(position=1).blob)
    address = f"{NAME}/blobs/{layers[1]}"

    def whole(asked: str) -> int:
        body(client.get(address, headers=bearer | {"Range": asked}))
        return LayerDelivery.objects.get().sent_whole

    assert whole("bytes=-7") == 0, "the end alone is not the layer"
    cut(client.get(address, headers=bearer))
    assert whole("bytes=65536-") == 1
    assert whole("bytes=9-") == 1, "nor is it the second one"
    assert whole("bytes=0-8") == 1
    assert whole("bytes=0-") == 2
    assert client.get(address, headers=bearer).status_code == 403


def test_each_progress_is_noted(
    client: Client, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 64 * 1024)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    def is_noted() -> bool:
        noted = abs(timezone.now() - LayerDelivery.objects.get().last_at) < timedelta(minutes=1)
        LayerDelivery.objects.update(last_at=long_ago)
        return noted

    address = f"{NAME}/blobs/{layers[1]}"
    LayerDelivery.objects.create(token=NodeToken.objects.get(), digest=layers[1])
    LayerDelivery.objects.update(last_at=long_ago)
    broken = client.get(address, headers=bearer)
    assert is_noted(), "begun"
    cut(broken)
    assert is_noted(), "ended early"
    whole = client.get(address, headers=bearer)
    assert is_noted()
    body(whole)
    assert is_noted(), "sent to its end"


def test_a_session_without_an_image_has_no_blobs() -> None:
    with pytest.raises(NoSuchBlob):
        respond(NodeToken(image=None), "sha256:0", {}, head=False)


def test_closing_a_transfer_gives_back_once_and_never_fails(
    bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    span = Span(0, 99, 100, is_part=False)
    token = NodeToken.objects.get()
    delivery = sending.begin(token.pk, layers[0], span, 1)
    with open("/dev/zero", "rb", buffering=0) as file:
        transfer = sending.Body(file, delivery, span, 1, slots.take(token.session_hash or "", token.node_id))
        for _ in range(2):
            transfer.close()
        assert file.closed
    assert LayerDelivery.objects.get().sent_bytes == 0

    def away(*arguments: object, **values: object) -> NoReturn:
        raise DatabaseError("away")

    delivery = sending.begin(token.pk, layers[0], span, 1)
    with monkeypatch.context() as broken:
        broken.setattr(QuerySet, "update", away)
        sending.Body(io.BytesIO(), delivery, span, 1, slots.take(token.session_hash or "", token.node_id)).close()
    assert LayerDelivery.objects.get().sent_bytes == 100


def test_what_another_node_was_sent_counts_for_it_alone(
    client: Client, acme: Organization, bearer: dict[str, str], layers: list[str], image: Image, other_node: NodeInHand
) -> None:
    theirs = other_node.bearer(started(make_group(acme, image, "web"), other_node)["token"])
    body(client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer))
    assert client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer).status_code == 403
    assert digest_of(body(client.get(f"/v2/acme/default/web/blobs/{layers[0]}", headers=theirs))) == layers[0]
    assert list(LayerDelivery.objects.values_list("sent_whole", flat=True)) == [1, 1]
