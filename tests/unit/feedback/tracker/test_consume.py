"""The tracker's loop: nothing that comes off the queue may stop it, and nothing is finished before it is applied."""

from collections.abc import Sequence

import msgspec
import pytest

import feedback.tracker
from feedback.event import Event, encode, join
from feedback.store import StoreAway
from feedback.stream import FeedbackMessage
from feedback.tracker import consume
from feedback.tracker.message import message
from tests.unit.feedback.happenings import Job


class Stream:
    """Gives what it was made with."""

    def __init__(self, *bodies: bytes) -> None:
        self.waiting = [FeedbackMessage(body) for body in bodies]
        self.finished: list[bytes] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def take(self, limit: int) -> list[FeedbackMessage]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def done(self, messages: Sequence[FeedbackMessage]) -> None:
        self.finished += [one.body for one in messages]


class Store:
    """A tracker's store that is away for the first `outages` calls."""

    def __init__(self, stream: Stream, outages: int = 0) -> None:
        self.stream, self.outages = stream, outages
        self.applied: list[str] = []

    async def apply(self, events: Sequence[Event]) -> None:
        for event in events:
            message(event)
        assert self.stream.finished == [], "finished before it was applied"
        if self.outages:
            self.outages -= 1
            raise StoreAway("gone")
        self.applied += [event.event_id for event in events]


def body(*events: Event) -> bytes:
    return join([encode(event) for event in events])


async def run(stream: Stream, store: Store) -> None:
    while stream.waiting:
        await consume(stream, store)  # type: ignore[arg-type]


async def test_events_are_applied_and_then_finished() -> None:
    job = Job("j")
    stream = Stream(body(job.accepted(), job.sent()), body(Job("k").accepted()))
    store = Store(stream)
    await run(stream, store)
    assert store.applied == ["j/0", "j/1", "k/0"]
    assert len(stream.finished) == 2


@pytest.mark.parametrize(
    "bad",
    [b"", b"{", b"\xff\xfe", b'{"events": [{}]}', b'{"events": {}}', b"[]", b'{"x":' + b"[" * 100_000],
)
async def test_a_message_that_cannot_be_read_blocks_nothing(bad: bytes) -> None:
    stream = Stream(bad, body(Job("good").accepted()))
    store = Store(stream)
    await run(stream, store)
    assert store.applied == ["good/0"]
    assert len(stream.finished) == 2


async def test_an_event_that_makes_no_sense_is_left_out_of_its_batch() -> None:
    odd = msgspec.structs.replace(Job("odd").accepted(), at="once upon a time")
    stream = Stream(body(Job("a").accepted(), odd, Job("b").accepted()))
    store = Store(stream)
    await run(stream, store)
    assert store.applied == ["a/0", "b/0"]


async def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback.tracker, "_PATIENCE", 0.0)
    stream = Stream(body(Job("a").accepted()))
    store = Store(stream, outages=3)
    await run(stream, store)
    assert store.applied == ["a/0"]
