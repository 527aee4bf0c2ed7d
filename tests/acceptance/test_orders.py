"""Operators' orders to workers at work: heard by all within two seconds, each job accounted for afterwards."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from tests import keys
from tests.acceptance.conftest import SETTINGS
from tests.acceptance.installation import Installation
from worker.sink import Sink
from worker.sink.behaviour import Answer, Ask, Moment, by_recipient

T = TypeVar("T")

HEARD = 2.0
"""Seconds after a command's return from which nothing may begin that it forbids."""

LIMITS = """\
[[rule]]
name = "evenly"
site = ["big", "small"]
rate = "40/s"
"""


@dataclass
class Witness:
    """A receiving site's own record: when each transaction reached RCPT, and for whom."""

    seen: list[tuple[float, str]] = field(default_factory=list)

    def answer(self, ask: Ask) -> Answer:
        if ask.moment is Moment.RCPT:
            self.seen.append((time.time(), ask.rcpt))
        return by_recipient(ask)

    def times(self, domain: str) -> list[float]:
        return [at for at, rcpt in self.seen if rcpt.endswith(domain)]

    async def has(self, domain: str, count: int) -> None:
        """Wait until so many have been seen; the test's own time limit is the end of it."""
        while len(self.times(domain)) < count:
            await asyncio.sleep(0.02)


def prepared(installation: Installation, port: int) -> Installation:
    """Two sites behind one port, each limited, so that a wave takes its time."""
    (installation.folder / "traffic.toml").write_text(LIMITS, encoding="utf-8")
    installation.settings += '[traffic]\nrules = ["traffic.toml"]\n'
    for site in ("big", "small"):
        installation.settings += (
            f'[[route]]\ndomain = "{site}.example"\nsite = "{site}"\nhosts = ["127.0.0.1:{port}"]\n'
        )
    return installation


@pytest.fixture
def embedded(tmp_path: Path) -> Installation:
    keys.write(tmp_path / "s1.pem", keys.pem(keys.rsa()))
    settings = SETTINGS.format(amqp="sqlite:///queue.db", prefix="t", store="sqlite:///store.db")
    return Installation(tmp_path, settings, str(tmp_path / "store.db"), "t")


@contextmanager
def at_work(installation: Installation, workers: int) -> Iterator[None]:
    with ExitStack() as stack:
        for command in ["tracker", *["worker"] * workers]:
            stack.enter_context(installation.running(command))
        yield


async def beside(call: Callable[[], T]) -> T:
    """Let something that blocks run while the sink answers."""
    return await asyncio.to_thread(call)


def addresses(domain: str, count: int) -> list[str]:
    return [f"r{number}@{domain}" for number in range(count)]


def latest(times: list[float], ordered_at: float) -> float:
    """Seconds after the order that the last one began, negative: before it."""
    return max(times) - ordered_at


async def test_a_suspended_site_sees_nothing_new_after_two_seconds_in_any_worker_until_it_is_resumed(
    installation: Installation, record_property: Callable[[str, object], None]
) -> None:
    witness = Witness()
    async with Sink(behaviour=witness.answer) as sink:
        prepared(installation, sink.port)
        with at_work(installation, 2):
            wave = [*addresses("big.example", 600), *addresses("small.example", 600)]
            await beside(lambda: installation.send("w", wave[::2] + wave[1::2]))
            await witness.has("big.example", 40)
            await beside(lambda: installation.run("suspend", "big", "--why", "they asked"))
            ordered_at, small = time.time(), len(witness.times("small.example"))
            await witness.has("small.example", min(600, small + 40))
            while time.time() < ordered_at + HEARD + 3:
                await asyncio.sleep(0.1)
            before = witness.times("big.example")
            record_property("last_after_order_s", latest(before, ordered_at))
            assert latest(before, ordered_at) <= HEARD
            assert len(before) < 600
            await beside(lambda: installation.run("resume", "big"))
            figures = await beside(lambda: installation.until("w", lambda f: f["sent"] == 1200))
            await beside(lambda: installation.run("reconcile", "--delivery", "w"))
    assert (figures["accepted"], figures["failed"], figures["in_flight"]) == (1200, 0, 0)
    assert sorted(rcpt for _, rcpt in witness.seen) == sorted(wave), "each was tried once: holding is no attempt"


async def test_a_cancelled_delivery_starts_nothing_after_two_seconds_and_every_job_has_its_final_event(
    installation: Installation, record_property: Callable[[str, object], None]
) -> None:
    witness = Witness()
    installation.settings = installation.settings.replace('first = "1s"', 'first = "1h"')
    async with Sink(behaviour=witness.answer) as sink:
        prepared(installation, sink.port)
        with at_work(installation, 2):
            delayed = [f"d{number}+450-4.3.2@big.example" for number in range(10)]
            wave = [*delayed, *addresses("big.example", 490)]
            await beside(lambda: installation.send("off", wave))
            await beside(lambda: installation.send("on", addresses("small.example", 50)))
            await witness.has("big.example", 60)
            await beside(lambda: installation.run("cancel", "off"))
            ordered_at = time.time()
            figures = await beside(lambda: installation.until("off", lambda f: f["cancelled"] + f["sent"] == 500))
            other = await beside(lambda: installation.until("on", lambda f: f["sent"] == 50))
            while time.time() < ordered_at + HEARD + 3:
                await asyncio.sleep(0.1)
            record_property("last_after_order_s", latest(witness.times("big.example"), ordered_at))
            assert latest(witness.times("big.example"), ordered_at) <= HEARD
            await beside(lambda: installation.send("off", ["late@small.example"]))
            late = await beside(lambda: installation.until("off", lambda f: f["accepted"] == 501))
            late = await beside(lambda: installation.until("off", lambda f: f["in_flight"] == 0))
            await beside(lambda: installation.run("reconcile"))
    taken = sum(not rcpt.startswith("d") for _, rcpt in witness.seen) - other["sent"]
    assert (figures["accepted"], figures["sent"], figures["failed"], figures["in_flight"]) == (500, taken, 0, 0)
    assert figures["cancelled"] == 500 - taken > 0
    assert late["cancelled"] == figures["cancelled"] + 1
    assert other["cancelled"] == 0
    assert "late@small.example" not in [rcpt for _, rcpt in witness.seen]


async def test_embedded_a_wave_is_suspended_resumed_and_cancelled(embedded: Installation) -> None:
    witness = Witness()
    async with Sink(behaviour=witness.answer) as sink:
        prepared(embedded, sink.port)
        with at_work(embedded, 1):
            await beside(lambda: embedded.send("w", addresses("big.example", 400)))
            await witness.has("big.example", 40)
            await beside(lambda: embedded.run("suspend", "*.example"))
            ordered_at = time.time()
            while time.time() < ordered_at + HEARD + 2:
                await asyncio.sleep(0.1)
            before = len(witness.times("big.example"))
            assert latest(witness.times("big.example"), ordered_at) <= HEARD
            assert before < 400
            await beside(lambda: embedded.run("resume", "*.example"))
            await witness.has("big.example", before + 20)
            await beside(lambda: embedded.run("cancel", "w"))
            ordered_at = time.time()
            figures = await beside(lambda: embedded.until("w", lambda f: f["cancelled"] + f["sent"] == 400))
            assert latest(witness.times("big.example"), ordered_at) <= HEARD
            await beside(lambda: embedded.run("reconcile"))
    assert figures["sent"] == len(witness.times("big.example"))
    assert (figures["accepted"], figures["failed"], figures["in_flight"]) == (400, 0, 0)


@pytest.mark.long
async def test_an_overridden_rate_holds_and_ends_by_itself(
    installation: Installation, record_property: Callable[[str, object], None]
) -> None:
    witness = Witness()
    async with Sink(behaviour=witness.answer) as sink:
        prepared(installation, sink.port)
        with at_work(installation, 1):
            await beside(lambda: installation.send("w", addresses("big.example", 300)))
            await witness.has("big.example", 40)
            await beside(lambda: installation.run("override", "big", "--rate", "2/s", "--for", "9s"))
            ordered_at = time.time()
            figures = await beside(lambda: installation.until("w", lambda f: f["sent"] == 300))
            await beside(lambda: installation.run("reconcile"))
    under = [at for at in witness.times("big.example") if ordered_at + HEARD <= at < ordered_at + 7]
    record_property("sent_in_5_s_at_2_per_s", len(under))
    assert len(under) <= 2 * 5 + 2
    assert figures["accepted"] == 300
