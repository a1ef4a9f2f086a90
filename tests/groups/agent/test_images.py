"""An image is on the node once, whole or not at all, and as long as an instance needs it."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from groups.agent import images
from groups.agent.images import Images
from groups.agent.order import Cancelled, Order, PullFailed
from groups.agent.runtime import NoRuntime, RuntimeFailed
from tests.support.agent_machine import DIGEST, OTHER, FakePuller, FakeRuntime


def order_of(digest: str = DIGEST) -> Order:
    return Order(f"h/acme/app@{digest}", "node-1", "drt_secret", True, Path("key"), lambda *_: None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def puller() -> FakePuller:
    return FakePuller()


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


def test_it_is_fetched_once(tmp_path: Path, puller: FakePuller, runtime: FakeRuntime) -> None:
    kept = Images(tmp_path, puller, runtime)
    assert not kept.has(DIGEST)
    for _ in range(2):
        kept.fetch(order_of())
    assert (len(puller.orders), kept.has(DIGEST), kept.has(OTHER)) == (1, True, False)
    assert names(tmp_path / "images") == names(tmp_path / "drafts") == []


def test_its_folder_stays_without_a_runtime_or_if_that_is_wanted(tmp_path: Path, puller: FakePuller) -> None:
    for name, kept in (
        ("bare", Images(tmp_path / "bare", puller, NoRuntime())),
        ("both", Images(tmp_path / "both", puller, FakeRuntime(), keep=True)),
    ):
        kept.fetch(order_of())
        assert names(tmp_path / name / "images" / ("a" * 64)) == ["manifest.json"]
        assert names(tmp_path / name / "drafts") == []
        assert (tmp_path / name / "images").stat().st_mode & 0o777 == 0o700
        assert kept.has(DIGEST)
        kept.fetch(order_of(OTHER))
        kept.keep_only([OTHER])
        assert names(tmp_path / name / "images") == ["b" * 64]


@pytest.mark.parametrize("error", [PullFailed("no"), Cancelled(), RuntimeFailed("no")])
def test_a_pull_that_fails_leaves_nothing(
    tmp_path: Path, puller: FakePuller, runtime: FakeRuntime, error: Exception
) -> None:
    def fail(order: Order) -> None:
        raise error

    if isinstance(error, RuntimeFailed):
        runtime.fails_at = "take"
    else:
        puller.then = fail
    kept = Images(tmp_path, puller, runtime, keep=True)
    with pytest.raises(type(error)):
        kept.fetch(order_of())
    assert names(tmp_path / "images") == names(tmp_path / "drafts") == []

    puller.then, runtime.fails_at = lambda order: None, ""
    again = order_of()
    thread = start(kept, again)
    thread.join(5)
    again.cancelled.set()  # so that it ends, if it waits for the one that failed
    assert kept.has(DIGEST)


def test_what_is_cancelled_when_it_has_come_is_not_kept(
    tmp_path: Path, puller: FakePuller, runtime: FakeRuntime
) -> None:
    puller.then = lambda order: order.cancelled.set()
    with pytest.raises(Cancelled):
        Images(tmp_path, puller, runtime).fetch(order_of())
    assert runtime.calls == []


def test_drafts_of_a_node_that_was_killed_are_removed(tmp_path: Path, puller: FakePuller) -> None:
    (tmp_path / "drafts" / "left").mkdir(parents=True)
    (tmp_path / "images" / ("a" * 64)).mkdir(parents=True)
    Images(tmp_path, puller, NoRuntime())
    assert (names(tmp_path / "drafts"), names(tmp_path / "images")) == ([], ["a" * 64])


class Held:
    """A pull that waits until it is let go."""

    def __init__(self, puller: FakePuller) -> None:
        self.begun, self.goes_on = threading.Semaphore(0), threading.Event()
        puller.then = self.wait

    def wait(self, order: Order) -> None:
        self.begun.release()
        assert self.goes_on.wait(5)


def start(kept: Images, order: Order) -> threading.Thread:
    def fetch() -> None:
        with suppress(Cancelled):
            kept.fetch(order)

    thread = threading.Thread(target=fetch)
    thread.start()
    return thread


def test_a_second_instance_waits_for_the_first_and_may_give_up(
    tmp_path: Path, puller: FakePuller, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "CHECK_SECONDS", 0.005)
    kept, held, cancelled = Images(tmp_path, puller, runtime), Held(puller), order_of()
    cancelled.cancelled.set()
    threads = [start(kept, order_of())]
    assert held.begun.acquire(timeout=5)
    threads.append(start(kept, order_of()))
    with pytest.raises(Cancelled):
        kept.fetch(cancelled)
    held.goes_on.set()
    for thread in threads:
        thread.join(5)
    assert len(puller.orders) == 1


def test_two_images_are_fetched_at_once_and_a_third_waits(
    tmp_path: Path, puller: FakePuller, runtime: FakeRuntime
) -> None:
    kept, held = Images(tmp_path, puller, runtime), Held(puller)
    orders = [order_of("sha256:" + digit * 64) for digit in "abcd"]
    threads = [start(kept, order) for order in orders[:2]]
    assert [held.begun.acquire(timeout=5) for _ in threads] == [True, True]
    threads += [start(kept, order) for order in orders[2:]]
    assert not held.begun.acquire(timeout=0.01)
    orders[3].cancelled.set()
    held.goes_on.set()
    for thread in threads:
        thread.join(5)
    assert runtime.images == {f"sha256:{digit * 64}" for digit in "abc"}
    assert len(puller.orders) == 3, "one that is no longer needed costs no token"
