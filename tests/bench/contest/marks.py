"""What the race is to show, held against what it has shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.contest.table import Row

OURS = "campaign-mta"
UNSIGNED = "postfix"


@dataclass(frozen=True, slots=True)
class Mark:
    """`figure` is a ratio; `asked` says in words what it should be."""

    course: str
    what: str
    asked: str
    figure: float
    held: bool


def marks(rows: Sequence[Row], bare_signature: float) -> list[Mark]:
    """One set for each course that was run whole. `bare_signature` in us of processor time.

    Ours is the faster of one and two worker processes with broker and store; the peer the fastest that signs.
    """
    found: list[Mark] = []
    for load in dict.fromkeys(row.load for row in rows):
        course = [row for row in rows if row.load == load and row.good]
        towards = "1 domain" if load.domains == 1 else f"{load.domains} domains"
        ours = [row for row in course if row.contestant.name in (OURS, f"{OURS}-2")]
        if ours:
            best = max(ours, key=lambda row: row.median("rate"))
            found += _held(f"{load.size // 1000} kB, {towards}", best, course, bare_signature)
    return found


def _held(course: str, ours: Row, rows: Sequence[Row], bare_signature: float) -> Iterator[Mark]:
    peers = [row for row in rows if row.contestant.signed and not row.contestant.name.startswith(OURS)]
    if peers:
        peer = max(peers, key=lambda row: row.median("rate"))
        rate = ours.median("rate") / peer.median("rate")
        yield Mark(course, f"mails/s, to {peer.contestant.name}", "3 or more", rate, rate >= 3)
        cost = ours.all_ms / peer.all_ms
        yield Mark(course, f"all CPU, to {peer.contestant.name}", "0.5 or less", cost, cost <= 0.5)
    for row in rows:
        if row.contestant.name == UNSIGNED:
            rate = ours.median("rate") / row.median("rate")
            yield Mark(course, "mails/s, to postfix without signing", "more than 1", rate, rate > 1)
    own = ours.median("cpu_ms") * 1000 / bare_signature
    yield Mark(course, "worker's CPU, to a bare RSA-2048 signature", "2.5 or less", own, own <= 2.5)


def show(console: Console, found: Sequence[Mark], bare_signature: float) -> None:
    table = Table(title="What was aimed at", box=box.SIMPLE, title_justify="left")
    for name in ("course", "what", "aim", "figure", "reached"):
        table.add_column(name, justify="right" if name == "figure" else "left")
    for mark in found:
        table.add_row(mark.course, mark.what, mark.asked, f"{mark.figure:.2f}", "yes" if mark.held else "NO")
    console.print(table)
    console.print(
        f"A bare RSA-2048 signature: {bare_signature:.0f} us of CPU, by `cryptography`, median over the rounds."
    )
