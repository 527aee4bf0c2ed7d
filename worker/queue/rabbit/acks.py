"""Which deliveries of one channel to acknowledge, and how, in as few frames as possible."""

from typing import NamedTuple


class Ack(NamedTuple):
    """One acknowledgement; `multiple`: of this delivery and all before it."""

    tag: int
    multiple: bool


class Acks:
    """The finished deliveries of one channel, whose tags the broker counts up from 1."""

    def __init__(self) -> None:
        self.floor = 0
        """Every delivery up to this tag is acknowledged."""
        self._done: set[int] = set()  # finished, to be acknowledged
        self._strays: set[int] = set()  # acknowledged one by one above the floor

    def __len__(self) -> int:
        """How many are finished and not yet acknowledged."""
        return len(self._done)

    @property
    def told(self) -> int:
        """Of how many deliveries the broker has been told."""
        return self.floor + len(self._strays)

    def done(self, tag: int) -> None:
        if tag > self.floor and tag not in self._strays:
            self._done.add(tag)

    def gone(self, tag: int) -> None:
        """The broker has been told otherwise of this one."""
        if tag > self.floor:
            self._done.discard(tag)
            self._strays.add(tag)

    def take(self, *, strays: bool) -> list[Ack]:
        """What to send now: one acknowledgement for the unbroken run of finished deliveries at the bottom, and with
        `strays` one each for the others."""
        due = self._run()
        if strays:
            due += [Ack(tag, False) for tag in sorted(self._done)]
            self._strays |= self._done
            self._done.clear()
        return due

    def _run(self) -> list[Ack]:
        # The broker knows no delivery that it has been told of before, so the run must end in one it has not.
        top, run = 0, []
        while (tag := self.floor + 1) in self._done or tag in self._strays:
            self.floor = tag
            self._strays.discard(tag)
            if tag in self._done:
                self._done.discard(tag)
                run.append(tag)
                top = tag
        return [Ack(top, len(run) > 1)] if run else []
