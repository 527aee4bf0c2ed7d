"""What one message costs our SMTP client beside stock aiosmtplib: `python -m tests.bench.smtp [messages]`.

Against Debian's smtp-sink: client CPU and messages a second, 10 kB mails, everybody on uvloop with connections kept open;
then on one connection through a proxy that keeps each octet for 25 ms in each direction. The contestants take turns, and the
medians count. Writes `build/bench-smtp.json`.
"""

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import aiosmtplib
import uvloop
from rich.console import Console
from rich.table import Table

from mta.attempt import Delivered
from mta.envelope import Envelope
from mta.lane import Lane, Source
from mta.routing.route import Host, NoRoute, Route
from mta.smtp import Mail, Offers
from mta.smtp.pool import Pool
from mta.traffic.rule import Rule
from tests.services.postfix import smtp_sink

MESSAGE = b"Subject: benchmark\r\n\r\n" + b"Ten thousand octets of what newsletters are made of, in lines.\r\n" * 156
SENDER, RECIPIENT = "bounce@sender.example", "someone@receiver.example"
ROUNDS = 3
DELAY = 0.025

Task = Callable[[int], Awaitable[None]]
"""Sends so many messages, several at once."""


@dataclass(frozen=True)
class Row:
    """`cpu_us` a message, of the client alone; `rate` in messages a second."""

    client: str
    connections: int
    rtt_ms: int
    rate: float
    cpu_us: float


async def stock(port: int, connections: int, count: int) -> tuple[float, float]:
    """aiosmtplib as its documentation has it, each connection with a client of its own."""
    clients = [
        aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="client.example", start_tls=False)
        for _ in range(connections)
    ]
    await asyncio.gather(*(client.connect() for client in clients))
    left = iter(range(count))

    async def work(client: aiosmtplib.SMTP) -> None:
        for _ in left:
            await client.sendmail(SENDER, [RECIPIENT], MESSAGE)

    took = await timed(lambda: asyncio.gather(*(work(client) for client in clients)))
    await asyncio.gather(*(client.quit() for client in clients))
    return took


async def ours(port: int, connections: int, count: int) -> tuple[float, float]:
    """The relay as a worker uses it, twice as many mails in hand as connections."""

    async def addresses(host: Host) -> tuple[str, ...] | NoRoute:
        return ("127.0.0.1",)

    async def compose(offers: Offers) -> bytes:
        return MESSAGE

    async def intend() -> bool:
        return True

    pool = Pool(addresses)
    lane = Lane(Source(pool="default", helo="client.example"), "sink")
    route = Route(site="sink", domain="receiver.example", hosts=(Host("sink.example", port),))
    rule = Rule(name="bench", connections=connections, messages_per_connection=sys.maxsize)
    mail = Mail(envelope=Envelope(SENDER, RECIPIENT), compose=compose)

    async def work(left: range | object) -> None:
        for _ in left:  # type: ignore[attr-defined]
            attempt = await pool.send(mail, lane, route, rule, intend)
            assert isinstance(attempt.ending, Delivered), attempt

    async def all_of(share: int) -> None:
        left = iter(range(share))
        await asyncio.gather(*(work(left) for _ in range(2 * connections)))

    await all_of(4 * connections)  # connect, as stock did
    took = await timed(lambda: all_of(count))
    await pool.close()
    return took


async def timed(task: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds by the clock and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    await task()
    return time.perf_counter() - wall, time.process_time() - cpu


def contest(port: int, connections: int, count: int, rtt_ms: int) -> list[Row]:
    contestants = {"aiosmtplib": stock, "campaign-mta": ours}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            took[name].append(uvloop.run(contestant(port, connections, count)))
    return [
        Row(
            name,
            connections,
            rtt_ms,
            rate=count / statistics.median(wall for wall, _ in runs),
            cpu_us=statistics.median(cpu for _, cpu in runs) / count * 1e6,
        )
        for name, runs in took.items()
    ]


async def far_away(port: int, ready: Connection) -> None:
    """A proxy to `port` at the far end of a long line; tells its own port."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while octets := await reader.read(65536):
            loop.call_later(DELAY, writer.write, octets)
        loop.call_later(DELAY, writer.close)

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, onward_writer), carry(onward_reader, writer))

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def proxy(port: int, ready: Connection) -> None:
    asyncio.run(far_away(port, ready))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with smtp_sink() as sink:
        near = contest(sink.port, 50, count, 0)
        here, there = multiprocessing.get_context("spawn").Pipe()
        line = multiprocessing.get_context("spawn").Process(target=proxy, args=(sink.port, there), daemon=True)
        line.start()
        far = contest(here.recv(), 1, max(40, count // 200), round(2000 * DELAY))
        line.terminate()
        line.join()
    show(near + far, cpu_ratio=near[0].cpu_us / near[1].cpu_us, rtt50_ratio=far[1].rate / far[0].rate)


def show(rows: list[Row], **ratios: float) -> None:
    table = Table("client", "connections", "RTT ms", "messages/s", "CPU us/message", title="SMTP client to smtp-sink")
    for row in rows:
        table.add_row(row.client, f"{row.connections}", f"{row.rtt_ms}", f"{row.rate:,.1f}", f"{row.cpu_us:.0f}")
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    Path("build").mkdir(exist_ok=True)
    text = json.dumps(ratios | {"rows": [asdict(row) for row in rows]}, indent=2)
    Path("build/bench-smtp.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
