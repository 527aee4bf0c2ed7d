"""What a DKIM signature costs: `python -m tests.bench.dkim [rounds]`.

Our signatures beside stock dkimpy's and beside the bare RSA operation, on one thread, turn by turn in the same run, so that
a busy machine slows all of them alike. Every contestant's signature is verified with stock dkimpy first. Several together
are worth something where `multibuffer` is in use; the table says whether it is.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import dkim
from rich.console import Console
from rich.table import Table

from mta.message import Draft, draft
from mta.signing.key import Key
from mta.signing.multibuffer import library, sign_together
from mta.signing.signature import hashed, sign
from tests import keys

SIZES = (10_000, 50_000)
TOGETHER = (2, 4, 8)
RSA = Key("example.com", "rsa", keys.rsa())
ED25519 = Key("example.com", "ed", keys.ed25519())
RECORDS = dict(keys.record(key) for key in (RSA, ED25519))
HEADER = """\
From: Example News <news@example.com>
To: somebody@example.net
Subject: The offers of this week, and a small gift for you
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit
Reply-To: care@example.com
List-Id: Weekly <weekly.example.com>
List-Unsubscribe: <https://example.com/u/0123456789abcdef>, <mailto:leave@example.com?subject=0123456789abcdef>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Feedback-ID: weekly:4711:default:example
X-Campaign: 4711/3

"""
TEXT = "the offers of this week grüßen and a small gift for you please come soon we open daily from nine until six"
WORDS = TEXT.split()


@dataclass(frozen=True)
class Row:
    """One contestant at one size; microseconds are for one message, median of the rounds."""

    what: str
    body: str
    size: int
    microseconds: float
    rate: float


def newsletter(size: int, rng: random.Random) -> str:
    """An HTML body as templates make them: nested, indented tables."""
    lines, depth, written = [], 1, 0
    while written < size:
        depth = min(max(depth + rng.choice((-1, 0, 0, 1)), 1), 10)
        opening = rng.choice(
            ('<td style="padding:8px 0;font-family:Arial,sans-serif">', "<p>", '<a href="https://e.example/%s">')
        )
        text = " ".join(rng.choices(WORDS, k=rng.randint(2, 12)))
        lines.append("  " * depth + opening.replace("%s", f"{rng.getrandbits(128):x}") + text + "</x>\n")
        written += len(lines[-1].encode())
    return "".join(lines)


def letter(size: int, rng: random.Random) -> str:
    """A plain text body."""
    lines, written = [], 0
    while written < size:
        lines.append(" ".join(rng.choices(WORDS, k=13)) + "\n")
        written += len(lines[-1].encode())
    return "".join(lines)


def contestants(octets: bytes) -> dict[str, Callable[[], list[bytes]]]:
    """What each makes of one message or, several together, of as many as it answers."""
    pem = keys.pem(RSA.private, keys.PrivateFormat.TraditionalOpenSSL)
    names = [b"from", b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post"]
    relaxed = (b"relaxed", b"relaxed")

    def stock() -> list[bytes]:
        signature = dkim.sign(octets, b"rsa", b"example.com", pem, canonicalize=relaxed, include_headers=names)
        return [bytes(signature) + octets]

    def together(count: int) -> list[bytes]:
        begun = [hashed(octets, [RSA], time.time()) for _ in range(count)]
        made = sign_together([each for message in begun for each in message.digests])
        return [message.signed([signature]) for message, signature in zip(begun, made, strict=True)]

    return {
        "stock dkimpy, RSA-2048": stock,
        "ours, RSA-2048": lambda: [sign(octets, [RSA], time.time())],
        **{f"ours, RSA-2048, {count} together": partial(together, count) for count in TOGETHER},
        "ours, Ed25519": lambda: [sign(octets, [ED25519], time.time())],
        "ours, RSA-2048 and Ed25519": lambda: [sign(octets, [RSA, ED25519], time.time())],
        "bare RSA-2048 of cryptography": lambda: [RSA.sign(b"0" * 32)],
    }


def verified(octets: bytes) -> bool:
    count = octets.count(b"DKIM-Signature:")
    answers = [
        dkim.DKIM(octets).verify(idx=index, dnsfunc=lambda name, timeout=5: RECORDS[name.decode().rstrip(".")].encode())
        for index in range(count)
    ]
    return count > 0 and all(answers)


def measured(body: str, size: int, octets: bytes, rounds: int) -> list[Row]:
    runs = contestants(octets)
    for what, run in runs.items():
        if not what.startswith("bare") and not all(verified(signed) for signed in run()):
            raise SystemExit(f"{what}: the signature does not verify")
    times: dict[str, list[float]] = {what: [] for what in runs}
    for _ in range(rounds):
        for what, run in runs.items():
            repeat = 3 if what.startswith("stock") else 60
            began = time.perf_counter()
            made = sum(len(run()) for _ in range(repeat))
            times[what].append((time.perf_counter() - began) / made)
    medians = {what: statistics.median(each) for what, each in times.items()}
    return [Row(what, body, size, round(taken * 1e6, 1), round(1 / taken, 1)) for what, taken in medians.items()]


def main(rounds: int) -> None:
    rng = random.Random(1)
    rows: list[Row] = []
    for body, make in (("html", newsletter), ("text", letter)):
        for size in SIZES:
            found = draft(HEADER + make(size, rng), job_id="bench", accepted_at=time.time())
            if not isinstance(found, Draft):
                raise SystemExit(found.text)
            octets = found.octets(eightbitmime=True)
            rows += measured(body, size, octets if isinstance(octets, bytes) else b"", rounds)
    taken = {(row.what, row.body, row.size): row.microseconds for row in rows}
    stock, ours, bare = "stock dkimpy, RSA-2048", "ours, RSA-2048", "bare RSA-2048 of cryptography"
    summary = {
        "ratio_10k": round(taken[stock, "html", 10_000] / taken[ours, "html", 10_000], 2),
        "cost_over_rsa_50k": round(taken[ours, "html", 50_000] / taken[bare, "html", 50_000], 2),
        "ratio_10k_text": round(taken[stock, "text", 10_000] / taken[ours, "text", 10_000], 2),
        "cost_over_rsa_50k_text": round(taken[ours, "text", 50_000] / taken[bare, "text", 50_000], 2),
    }
    show(rows, summary)
    target = Path("build/bench-dkim.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(summary | {"rounds": rounds, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")


def show(rows: list[Row], summary: dict[str, float]) -> None:
    way = "multibuffer not in use: " + found if isinstance(found := library(), str) else "multibuffer in use"
    table = Table("signer", "body", "octets", "µs a message", "signatures/s", title=f"DKIM, one thread; {way}")
    for row in rows:
        table.add_row(row.what, row.body, f"{row.size:,}", f"{row.microseconds:,.0f}", f"{row.rate:,.0f}")
    console = Console()
    console.print(table)
    for name, value in summary.items():
        console.print(f"{name}: {value}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)
