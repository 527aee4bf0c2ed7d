"""Which keys sign a message, and whether their files are still what was loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mta.signing.key import Key, KeyFile, load

RECHECK = 10.0
"""Seconds between two looks at the key files."""


@dataclass(frozen=True, slots=True)
class NoKey:
    """The message cannot be signed as asked; `text` says which key is missing and why."""

    text: str


@dataclass(slots=True)
class _Slot:
    """One configured key: what was loaded last, from which state of the file, and what is wrong now."""

    file: KeyFile
    key: Key | None = None
    stamp: tuple[int, int, int] | None = None
    fault: str | None = None

    def refresh(self) -> None:
        stamp = _stamp(self.file.path)
        if stamp == self.stamp and stamp is not None:
            return
        match load(self.file):
            case Key() as key:
                self.key, self.fault = key, None
            case fault:
                # A file that is being rewritten is broken for a moment; one that is gone was taken away.
                self.key, self.fault = (self.key if stamp is not None else None), fault
        self.stamp = stamp


@dataclass(slots=True)
class Keyring:
    """The configured keys, loaded when first needed and again when a file changes.

    A file that can no longer be read as a key leaves the loaded key in use and stands in `faults()`; a file that was
    removed takes its key out of use. `optional`: a message for which no key matches by default goes unsigned.
    """

    files: Sequence[KeyFile]
    optional: bool = False
    _slots: list[_Slot] = field(init=False)
    _checked_at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._slots = [_Slot(file) for file in self.files]

    def faults(self, now: float) -> list[str]:
        """Everything that is wrong with the configured keys, for people."""
        self._refresh(now)
        return [slot.fault for slot in self._slots if slot.fault is not None]

    def choose(self, author: str, names: Sequence[str], now: float) -> tuple[Key, ...] | NoKey:
        """The keys for a message from domain `author` (A-form, lower case).

        `names` are the job's "domain" or "domain/selector"; each must be there. Without any: every key whose domain is
        the author's or a parent of it. `now` is in seconds of any clock that never goes back.
        """
        self._refresh(now)
        if names:
            return self._named(names)
        slots = [slot for slot in self._slots if author == slot.file.domain or author.endswith(f".{slot.file.domain}")]
        keys = tuple(slot.key for slot in slots if slot.key is not None)
        if keys or (self.optional and not slots):
            return keys
        return (
            NoKey(slots[0].fault or "") if slots else NoKey(f"no DKIM key is configured for {author} or a parent of it")
        )

    def _named(self, names: Sequence[str]) -> tuple[Key, ...] | NoKey:
        keys: dict[int, Key] = {}
        for name in names:
            wanted = name.lower()
            slots = [slot for slot in self._slots if wanted in (slot.file.domain, str(slot.file).lower())]
            found = {id(slot): slot.key for slot in slots if slot.key is not None}
            if not found:
                return NoKey((slots[0].fault if slots else None) or f"no DKIM key {name} is configured")
            keys |= found
        return tuple(keys.values())

    def _refresh(self, now: float) -> None:
        if self._checked_at is None or now - self._checked_at >= RECHECK:
            self._checked_at = now
            for slot in self._slots:
                slot.refresh()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_mode
