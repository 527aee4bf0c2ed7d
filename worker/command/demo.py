"""`campaign-mta demo`: a wave of 1,000 mails with mixed fates, everything real, nothing to set up.

The queue and the store are SQLite files in a folder that goes away afterwards; the receiving sites are a local sink that
answers by recipient, and one host that is not there. The worker and the tracker are those of the commands.
"""

import asyncio
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from feedback.tracker import Tracker, table
from feedback.tracker.figures import Figures
from feedback.tracker.reconciliation import reconcile
from mta.signing.key import KeyFile
from mta.signing.published import generate
from worker import adapters, logging
from worker.command.progress import progress
from worker.command.send import Order, enqueue, prepare
from worker.command.show import show
from worker.command.tracker import track
from worker.process import work
from worker.settings import Settings, load
from worker.sink import Sink

DELIVERY = "demo"
PATIENCE = 120.0
SHORT = "12s"
"""Validity of the mails that are to expire; the others have their time on a busy machine, too."""


@dataclass(frozen=True, slots=True)
class Fate:
    """So many recipients whose address asks the sink for this."""

    words: str
    count: int
    tag: str
    domain: str
    ends: str
    validity: str | None = None


FATES = (
    Fate("delivered at once", 700, "", "demo.example", "sent"),
    Fate("unknown user (550 5.1.1)", 80, "+550", "demo.example", "failed"),
    Fate("busy once (451), then delivered", 80, "+451-once", "soft.example", "sent"),
    Fate("greylisted, then delivered", 80, "+greylist-2s", "grey.example", "sent"),
    Fate("mailbox full (452) until expired", 40, "+452", "soft.example", "failed", SHORT),
    Fate("host that is not there, until expired", 20, "", "broken.example", "failed", SHORT),
)
TOTAL = sum(fate.count for fate in FATES)

MESSAGE = """\
From: Campaign MTA demo <news@demo.example>
To: {name} <{email}>
Subject: =?utf-8?q?A_wave_of_a_thousand?=
List-Unsubscribe: <https://demo.example/u/{name}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Dear {name},

this mail was signed, routed, sent to a sink on your own machine and reported: ✓

"""


CONFIGURATION = """\
[broker]
url = "sqlite:///queue.db"
[store]
url = "sqlite:///store.db"
[smtp]
helo = "mta.demo.example"
[retry]
first = "1s"
factor = 1.5
[[route]]
domain = "broken.example"
hosts = ["127.0.0.1:{closed}"]
[[route]]
domain = "demo.example"
site = "demo"
hosts = ["127.0.0.1:{port}"]
[[route]]
domain = "grey.example"
site = "grey"
hosts = ["127.0.0.1:{port}"]
[[route]]
domain = "soft.example"
site = "soft"
hosts = ["127.0.0.1:{port}"]
[[dkim]]
domain = "demo.example"
selector = "s1"
key_file = "demo.pem"
"""


def run() -> int:
    with tempfile.TemporaryDirectory(prefix="campaign-mta-demo-") as folder:
        return uvloop.run(_run(Path(folder)))


async def _run(folder: Path) -> int:
    began = time.monotonic()
    async with Sink() as sink:
        settings = _settings(folder, sink.port)
        logging.configure("console", "error")
        stop = asyncio.Event()
        tracking, working = asyncio.create_task(track(settings)), asyncio.create_task(work(settings, stop))
        for order in (_order(folder, SHORT), _order(folder, None)):
            await enqueue(settings, prepare(settings, order))
        tracker = adapters.tracker(settings)
        await tracker.open()
        figures = await _watch(tracker)
        stop.set()
        tracking.cancel()
        await asyncio.wait([tracking, working])
        broken = await _broken(settings, tracker)
        await tracker.close()
    return _say(figures, broken, sink.taken.total(), time.monotonic() - began)


def _settings(folder: Path, port: int) -> Settings:
    generate(KeyFile("demo.example", "s1", folder / "demo.pem"))
    file = folder / "demo.toml"
    file.write_text(CONFIGURATION.format(port=port, closed=_closed_port()), encoding="utf-8")
    return load(file)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _order(folder: Path, validity: str | None) -> Order:
    """The part of the wave that has this validity."""
    fates = [fate for fate in FATES if fate.validity == validity]
    rows = [f"u{number}{fate.tag}@{fate.domain},u{number}" for fate in fates for number in range(fate.count)]
    random.Random(1).shuffle(rows)
    recipients, message = folder / f"{validity or 'rest'}.csv", folder / "mail.eml"
    recipients.write_text("\n".join(["email,name", *rows]) + "\n", encoding="utf-8")
    message.write_text(MESSAGE, encoding="utf-8")
    return Order(
        delivery=DELIVERY, mail_from="bounce@demo.example", recipients=recipients, message=message, validity=validity
    )


async def _watch(tracker: Tracker) -> Figures | None:
    """Show progress until everything has its final event, or patience is over."""
    deadline = time.monotonic() + PATIENCE
    with progress("settled", TOTAL) as bar:
        while time.monotonic() < deadline:
            for figures in await tracker.report(DELIVERY):
                bar(figures.sent + figures.failed)
                if figures.accepted == TOTAL and figures.in_flight == 0:
                    return figures
            await asyncio.sleep(0.2)
    return next(iter(await tracker.report(DELIVERY)), None)


async def _broken(settings: Settings, tracker: Tracker) -> list[str]:
    async with adapters.opened(adapters.delivery_log(settings, "demo")) as log:
        return [f"{one.job_id}: {one.words}" async for one in reconcile(log, tracker, DELIVERY)]


def _say(figures: Figures | None, broken: list[str], taken: int, seconds: float) -> int:
    console = Console()
    sent = sum(fate.count for fate in FATES if fate.ends == "sent")
    plan = Table("what the sink was asked for", "mails", "ends as", title="the wave")
    for fate in FATES:
        plan.add_row(fate.words, f"{fate.count:,}", fate.ends)
    console.print(plan)
    if figures is not None:
        show(table.report([figures]))
    as_planned = figures is not None and (figures.sent, figures.failed, taken) == (sent, TOTAL - sent, sent)
    if as_planned and not broken:
        console.print(f"every job is accounted for: {sent} mails in the sink, {TOTAL} final events, {seconds:.1f} s")
        return 0
    for line in broken:
        print(line, file=sys.stderr)
    print(f"not as planned: {sent} were to be sent, {taken} mails are in the sink", file=sys.stderr)
    return 1
