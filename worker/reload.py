"""The operator's rules, read in full before they are used, and read again when their files change."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from feedback.qualifier import BadPack, Qualifier
from feedback.qualifier.check import checked
from feedback.rules import built_in
from worker.reading import Reading

_log = structlog.get_logger("worker.reload")

_EVERY = 2.0

Stamp = tuple[int, int, int] | None


def read(paths: Sequence[Path]) -> Qualifier | list[str]:
    """A qualifier of these files before the built-in ones, all samples run; or every fault there is."""
    texts, faults = {}, []
    for path in paths:
        try:
            texts[str(path)] = path.read_text("utf-8")
        except OSError as fault:
            faults.append(f"{path}: cannot be read: {fault.strerror}")
        except UnicodeDecodeError as fault:
            faults.append(f"{path}: not UTF-8: {fault}")
    try:
        found = checked(texts | built_in())
    except BadPack as bad:
        return faults + bad.faults
    return faults or found


class Reload:
    """Watches the files by their time and size. A bad file changes nothing."""

    def __init__(self, paths: Sequence[Path], reading: Reading) -> None:
        self._paths = paths
        self._reading = reading
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
        found = await asyncio.to_thread(read, self._paths)
        in_force = self._reading.qualifier.pack.version
        if isinstance(found, list):
            _log.error("rules_refused", reasons=found, in_force=in_force)
        elif found.pack.version != in_force:
            self._reading.qualifier = found
            _log.info("rules_reloaded", version=found.pack.version, before=in_force)


def _stamp(path: Path) -> Stamp:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
