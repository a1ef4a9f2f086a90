"""Picks faults at random and does them: to work-horses, workers, sweeper, Redis, database, store and network."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.faults.portal import Portal, Process, send
from tests.faults.proxy import FaultProxy
from tests.faults.stage import LEASE
from tests.support.postgresql import Postgres

HEAD = 2000
"""What is flipped lies behind the head of an answer: in a head, a flip may mean anything."""


class Nemesis:
    """Does one fault a call; `done` counts them by name. All come from one `random.Random`, so a seed repeats them in
    the same order; what they meet depends on the machine."""

    def __init__(
        self,
        portal: Portal,
        proxies: Sequence[FaultProxy],
        chance: random.Random,
        *,
        disk: Path | None = None,
        postgres: Postgres | None = None,
    ) -> None:
        self.done: Counter[str] = Counter()
        self._portal = portal
        self._proxies = proxies
        self._chance = chance
        self._disk = disk
        self._postgres = postgres
        self._asleep: list[threading.Timer] = []
        self._faults: list[tuple[int, str, Callable[[], object]]] = [
            (4, "horse_killed", self._kill_horse),
            (2, "worker_killed", self._kill_worker),
            (2, "both_killed", self._kill_both),
            (2, "worker_stopped_for_a_while", self._put_to_sleep),
            (2, "worker_told_to_end", self._tell_to_end),
            (1, "sweeper_killed", self._kill_sweeper),
            (1, "redis_wiped", self._wipe_redis),
            (1, "redis_killed", self._kill_redis),
            (2, "answers_reset", lambda: self._spoil("/blobs/", reset_after=self._chance.randrange(300, 2_000_000))),
            (1, "answers_stalled", self._stall),
            (1, "bytes_flipped", lambda: self._spoil("/blobs/", flip_at=self._chance.randrange(HEAD, 400_000))),
            (2, "refused_503", lambda: self._spoil("/v2/", status=503)),
            (1, "refused_429", lambda: self._spoil("/v2/", status=429)),
            (1, "slow", lambda: self._spoil("/blobs/", bytes_per_second=200_000)),
            (1, "all_connections_cut", lambda: self._proxy().cut()),
        ]
        if disk is not None:
            self._faults.append((1, "store_full", self._fill_disk))
        if postgres is not None:
            self._faults.append((1, "database_killed", self._kill_database))

    @property
    def names(self) -> set[str]:
        """What there is to choose from here."""
        return {name for _, name, _ in self._faults}

    def strike(self) -> None:
        """Do one fault."""
        weights = [weight for weight, _, _ in self._faults]
        ((_, name, fault),) = self._chance.choices(self._faults, weights)
        if fault() is not False:
            self.done[name] += 1

    def relent(self) -> None:
        """Undo every fault that is still active."""
        for timer in self._asleep:
            timer.cancel()
            timer.function()
        for proxy in self._proxies:
            proxy.heal()
        if self._disk is not None:
            (self._disk / "filler").unlink(missing_ok=True)

    def _kill_horse(self) -> bool:
        horses = [pid for worker in self._portal.workers() for pid in worker.horses()]
        if horses:
            send(self._chance.choice(horses), signal.SIGKILL)
        return bool(horses)

    def _kill_worker(self) -> bool:
        return self._to_a_worker(lambda worker: worker.send(signal.SIGKILL))

    def _kill_both(self) -> bool:
        return self._to_a_worker(lambda worker: worker.kill_all())

    def _tell_to_end(self) -> bool:
        return self._to_a_worker(lambda worker: worker.send(signal.SIGTERM))

    def _put_to_sleep(self) -> bool:
        """Stopped with all it forked, for less than a lease or for more. A timer of its own wakes it: one that stopped
        inside of a transaction may hold up everybody else, us too."""
        seconds = self._chance.uniform(0.3, 2.5) * LEASE

        def stop(worker: Process) -> None:
            members = worker.members()

            def wake() -> None:
                for pid in members:
                    send(pid, signal.SIGCONT)

            for pid in members:
                send(pid, signal.SIGSTOP)
            timer = threading.Timer(seconds, wake)
            timer.daemon = True
            timer.start()
            self._asleep.append(timer)

        return self._to_a_worker(stop)

    def _kill_sweeper(self) -> None:
        for process in self._portal.processes:
            if process.name.startswith("sweeper"):
                process.kill_all()

    def _wipe_redis(self) -> None:
        with suppress(RedisError), Redis(unix_socket_path=self._portal.redis_socket, socket_timeout=5) as client:
            client.flushall()

    def _kill_redis(self) -> None:
        redis = self._portal.redis
        if redis is not None:
            redis.kill_all()

    def _stall(self) -> None:
        """Until the connection is cut: a registry that stays silent is given half a minute, which is long here."""
        proxy = self._proxy()
        proxy.fault("/blobs/", stall_after=self._chance.randrange(300, 1_000_000), times=1)
        timer = threading.Timer(self._chance.uniform(1, 8), proxy.cut)
        timer.daemon = True
        timer.start()

    def _fill_disk(self) -> None:
        assert self._disk is not None
        filler = self._disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_000_000))
        timer = threading.Timer(self._chance.uniform(0.5, 3), filler.unlink, kwargs={"missing_ok": True})
        timer.daemon = True
        timer.start()

    def _kill_database(self) -> None:
        assert self._postgres is not None
        self._postgres.kill()
        time.sleep(self._chance.uniform(0.2, 2))
        self._postgres.start()

    def _spoil(self, where: str, **knobs: int) -> None:
        self._proxy().fault(where, times=self._chance.randint(1, 3), **knobs)

    def _to_a_worker(self, what: Callable[[Process], object]) -> bool:
        workers = self._portal.workers()
        if not workers:
            return False
        with suppress(ProcessLookupError):
            what(self._chance.choice(workers))
        return True

    def _proxy(self) -> FaultProxy:
        return self._chance.choice(self._proxies)
