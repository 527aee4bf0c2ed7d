"""`campaign-mta rules check` and `rules replay`: rules against their own samples, and against what has been."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from feedback.qualification import Qualification
from feedback.qualifier import Qualifier
from feedback.qualifier.replay import Difference, replay
from feedback.qualifier.storm import Breaker
from worker import outside, reload
from worker.settings import BadSettings, Settings


def check(file: Path | None, json: bool) -> int:
    """The built-in rules, or they and an operator's file: read, and every rule's samples run."""
    found = reload.read([file] if file else [])
    faults = found if isinstance(found, list) else []
    rules = found.pack.rules if isinstance(found, Qualifier) else ()
    version = found.pack.version if isinstance(found, Qualifier) else None
    samples = sum(len(rule.samples) + len(rule.not_samples) for rule in rules)
    if json:
        print(_json({"faults": faults, "rules": len(rules), "samples": samples, "version": version}))
    elif faults:
        print(*faults, sep="\n")
    else:
        print(f"{len(rules)} rules and {samples} samples are in order; version {version}")
    return 1 if faults else 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What to replay: a log, against which rules, and whether a storm breaker takes part."""

    log: Path
    rules: Sequence[Path]
    storm: bool


def replay_log(settings: Settings, trial: Trial, json: bool) -> int:
    """Exit code 1 if a line of the log could not be read; the others are compared all the same."""
    after = reload.read(trial.rules)
    if isinstance(after, list):
        raise BadSettings(after)
    try:
        with trial.log.open("rb") as lines:
            found = replay(_single(lines), outside.qualifier(settings), after, Breaker() if trial.storm else None)
    except OSError as fault:
        raise BadSettings([f"{trial.log}: cannot be read: {fault.strerror}"]) from None
    if json:
        print(_json(_difference(found)))
    else:
        _show(found)
    print(*found.faults, sep="\n", end="\n" if found.faults else "", file=sys.stderr)
    return 1 if found.faults else 0


class _Message(msgspec.Struct):
    events: list[msgspec.Raw]


def _single(lines: Iterable[bytes]) -> Iterator[bytes]:
    """A feedback message's events as lines of their own; any other line as it is."""
    for line in lines:
        try:
            yield from (bytes(event) for event in msgspec.json.decode(line, type=_Message).events)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield line


def _difference(found: Difference) -> dict[str, object]:
    return {
        "replies": found.replies,
        "changed": found.changed,
        "hard": {"before": found.hard_before, "after": found.hard_after},
        "by_reason": [{"reason": reason, "before": b, "after": a} for reason, b, a in _reasons(found)],
        "by_receiver": [
            {"receiver": receiver, "before": before, "after": after, "count": count}
            for (receiver, before, after), count in found.receivers.most_common()
        ],
        "changes": [
            {"before": change.before, "after": change.after, "count": change.count, "example": change.example}
            for change in found.changes
        ],
        "released": found.released,
        "faults": found.faults,
    }


def _reasons(found: Difference) -> list[tuple[str, int, int]]:
    every: Counter[str] = found.before | found.after
    return [(reason, found.before[reason], found.after[reason]) for reason, _ in every.most_common()]


def _show(found: Difference) -> None:
    by_reason = _table(f"{found.changed} of {found.replies} replies mean something else", "Reason", "Before", "After")
    for reason, before, after in _reasons(found):
        by_reason.add_row(reason, str(before), str(after))
    by_reason.add_row("(hard)", str(found.hard_before), str(found.hard_after))
    by_receiver = _table("Per receiver", "Receiver", "Before", "After", "Replies")
    for (receiver, was, would_be), count in found.receivers.most_common(50):
        by_receiver.add_row(Text(receiver), was, would_be, str(count))
    changes = _table("What changed", "Before", "After", "Replies", "Such as")
    for change in found.changes[:50]:
        changes.add_row(_named(change.before), _named(change.after), str(change.count), Text(change.example))
    console = Console()
    for table in (by_reason, by_receiver, changes) if found.changed else (by_reason,):
        console.print(table)


def _named(found: Qualification) -> Text:
    return Text(f"{found.code.name.lower()}, {found.type}\n{found.rule.partition('@')[0]}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
