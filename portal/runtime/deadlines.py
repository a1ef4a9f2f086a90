"""How long a connection may take for what it does, so that slow clients can't keep others out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Stage(Enum):
    """What a connection is doing."""

    IDLE = "nothing of a request has come"
    HEAD = "the head of a request is incomplete"
    BODY = "the body of a request is incomplete"
    WORK = "a request waits for its response"
    SEND = "the client has not accepted all of a response"
    LINGER = "the response was sent; what the client still sends is discarded"


@dataclass(frozen=True)
class Deadlines:
    """Times in seconds, rates in bytes per second."""

    idle: float = 15.0
    head: float = 10.0
    """For the whole head, whose size is limited."""
    body: float = 10.0
    """For the body, in addition to what it takes at `min_receive_rate`."""
    min_receive_rate: int = 16_000
    send: float = 30.0
    """The period over which `min_send_rate` is measured."""
    min_send_rate: int = 32_000
    linger: float = 2.0

    def is_over(self, stage: Stage, elapsed: float, received: int, sent: float) -> bool:
        """Whether a connection has been in a stage for too long. `received` is how much of the body came, `sent` how
        much the client accepted in this stage. For our own work there is no deadline."""
        match stage:
            case Stage.IDLE:
                return elapsed > self.idle
            case Stage.HEAD:
                return elapsed > self.head
            case Stage.BODY:
                return elapsed > self.body + received / self.min_receive_rate
            case Stage.SEND:
                return elapsed > self.send and sent < self.min_send_rate * elapsed
            case Stage.LINGER:
                return elapsed > self.linger
            case Stage.WORK:
                return False


class StageClock:
    """How long a connection has been in its stage, and how much it has sent since. All times are of one monotonic
    clock, in seconds."""

    def __init__(self, now: float) -> None:
        self.stage, self.since = Stage.IDLE, now
        self._sent = self._own_seconds = self._own_since = 0.0

    def enter(self, stage: Stage, now: float, *, restart: bool) -> None:
        """Start to count if the stage is another one. `restart` starts again in the same stage."""
        if stage is not self.stage or restart:
            self.stage, self.since = stage, now
            self._sent = self._own_seconds = 0.0

    def add_sent(self, count: int) -> None:
        """Count bytes that the client has accepted."""
        self._sent += count

    def own_work_begins(self, now: float) -> None:
        """From here on the client waits for our threads, disk or database."""
        self._own_since = now

    def own_work_ends(self, now: float) -> None:
        """From here on we wait for the client."""
        self._own_seconds += now - max(self._own_since, self.since)

    def waited(self, now: float) -> float:
        """How long the stage has lasted, without our own work. Not to be called during that."""
        return now - self.since - self._own_seconds

    def is_over(self, deadlines: Deadlines, now: float, received: int) -> bool:
        """Whether the stage has lasted too long. `received` is how much of the request's body came."""
        return deadlines.is_over(self.stage, self.waited(now), received, self._sent)

    def send_rate(self, now: float) -> float:
        """Bytes per second that the client has accepted in this stage."""
        return self._sent / self.waited(now)
