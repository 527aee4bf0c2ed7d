"""The operator's rules, read in full before they are used, and read again when their files change."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from feedback.qualifier import BadPack, Qualifier
from feedback.qualifier.check import checked
from feedback.rules import built_in
from mta.traffic.rules import Rules, RulesInForce
from worker.reading import Reading

_log = structlog.get_logger("worker.reload")

_EVERY = 2.0

Stamp = tuple[int, int, int] | None
Told = Mapping[str, object] | None
"""What the log says of rules that were put in force; None when they are the ones that were."""

T = TypeVar("T")


def read(paths: Sequence[Path]) -> Qualifier | list[str]:
    """A qualifier of these files before the built-in ones, all samples run; or every fault there is."""
    texts, faults = _texts(paths)
    try:
        found = checked(dict(texts) | built_in())
    except BadPack as bad:
        return faults + bad.faults
    return faults or found


def read_traffic(paths: Sequence[Path]) -> Rules | list[str]:
    """The traffic rules of these files before the built-in ones; or every fault there is."""
    texts, faults = _texts(paths)
    found = Rules.read(texts)
    return faults + found if isinstance(found, list) else faults or found


class Reload(Generic[T]):
    """Watches files by their time and size. A bad file changes nothing."""

    def __init__(
        self, paths: Sequence[Path], read: Callable[[Sequence[Path]], T | list[str]], take: Callable[[T], Told]
    ) -> None:
        """`read` answers what the files hold, or every fault of theirs; `take` puts it in force."""
        self._paths = paths
        self._read = read
        self._take = take
        self._seen: list[Stamp] = []

    async def run(self) -> None:
        """Watch until cancelled; without files there is nothing to watch."""
        while self._paths:
            await asyncio.sleep(_EVERY)
            await self.once()

    async def once(self) -> None:
        """Look at the files, and take them if they have changed and are in order."""
        stamps = [_stamp(path) for path in self._paths]
        if stamps == self._seen:
            return
        self._seen = stamps  # of before the reading: what changes meanwhile is seen the next time
        found = await asyncio.to_thread(self._read, self._paths)
        if isinstance(found, list):
            _log.error("rules_refused", reasons=found)
        elif told := self._take(found):
            _log.info("rules_reloaded", **told)


def qualification(paths: Sequence[Path], reading: Reading) -> Reload[Qualifier]:
    """What replies mean."""

    def take(found: Qualifier) -> Told:
        before = reading.qualifier.pack.version
        if found.pack.version == before:
            return None
        reading.qualifier = found
        return {"version": found.pack.version, "before": before}

    return Reload(paths, read, take)


def traffic(paths: Sequence[Path], rules: RulesInForce) -> Reload[Rules]:
    """How sites are treated."""

    def take(found: Rules) -> Told:
        if found.all == rules.rules.all:
            return None
        rules.rules = found
        return {"traffic": len(found.all)}

    return Reload(paths, read_traffic, take)


def _stamp(path: Path) -> Stamp:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _texts(paths: Sequence[Path]) -> tuple[list[tuple[str, str]], list[str]]:
    """The files by their names, and what is wrong with those that cannot be read."""
    texts, faults = [], []
    for path in paths:
        try:
            texts.append((str(path), path.read_text(encoding="utf-8")))
        except OSError as fault:
            faults.append(f"{path}: cannot be read: {fault.strerror}")
        except UnicodeDecodeError as fault:
            faults.append(f"{path}: not UTF-8: {fault}")
    return texts, faults
