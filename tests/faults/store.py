"""The store gone, back, slow, locked, full; answers to commits lost."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import asyncpg

from tests.faults.ground import Fault, Ground
from tests.faults.proxy import Proxy, through
from tests.faults.scene import Scene

_BOTH = ("rabbitmq", "embedded")
_SLOW = "dot-slow-0.2s"


def _amid(fault: Callable[[Ground], None], count: int = 200) -> Callable[[Ground, Scene], None]:
    def run(here: Ground, scene: Scene) -> None:
        scene.publish(count, _SLOW)
        scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        fault(here)
        scene.settled()

    return run


def _down(how: signal.Signals) -> Callable[[Ground], None]:
    def fault(here: Ground) -> None:
        here.postgres.stop(how)
        time.sleep(4)
        here.postgres.start()

    return fault


def _away_at_the_start(here: Ground, scene: Scene) -> None:
    scene.publish(60)
    here.postgres.stop()
    scene.worker()
    time.sleep(3)
    here.postgres.start()
    scene.settled()


def _paused(here: Ground) -> None:
    here.postgres.pause()
    time.sleep(20)
    here.postgres.resume()


def _no_slot_left(here: Ground) -> None:
    asyncio.run(_take_all_slots(here.postgres.url, 5))


async def _take_all_slots(url: str, seconds: float) -> None:
    """End every session of ours, and sit on all connections for a while."""
    held = [await asyncpg.connect(url)]
    await held[0].execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            held.append(await asyncpg.connect(url))
        except asyncpg.exceptions.PostgresError:
            await asyncio.sleep(0.1)
    for connection in held:
        await connection.close()


def _locked(here: Ground) -> None:
    asyncio.run(_lock(here.postgres.url, 12))


async def _lock(url: str, seconds: float) -> None:
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE mta.job IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(seconds)
    await connection.close()


def _frozen(here: Ground, scene: Scene) -> None:
    """The network swallows everything for 20 s; nobody else is there to take over."""
    with Proxy(here.postgres.port) as proxy:
        scene.store_url = through(here.postgres.url, proxy.port)
        scene.publish(150, _SLOW)
        scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        proxy.freeze()
        time.sleep(20)
        proxy.thaw()
        scene.settled()
        for worker in scene.workers:
            scene.stop(worker)
    scene.use_store(here.postgres.url)


def _cut_off(here: Ground, scene: Scene) -> None:
    """One worker loses its way to the store and with it its lease; another one takes its jobs over."""
    with Proxy(here.postgres.port) as proxy:
        scene.store_url = through(here.postgres.url, proxy.port)
        scene.publish(150, _SLOW)
        lost = scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        proxy.freeze()
        time.sleep(0.5)
        scene.may_doubt |= scene.transport.undecided(scene.name)
        scene.use_store(here.postgres.url)
        scene.worker()
        time.sleep(8)
        proxy.thaw()
        scene.settled()
        scene.stop(lost)


def _deaf(here: Ground, scene: Scene) -> None:
    """Transactions are committed and nobody hears of it."""
    with Proxy(here.postgres.port) as proxy:
        scene.store_url = through(here.postgres.url, proxy.port)
        scene.publish(200, _SLOW)
        scene.worker()
        for wanted in (20, 60, 100):
            scene.until(lambda: len(scene.arrived()) >= wanted, "some mails")  # noqa: B023 - called before it changes
            proxy.turn_deaf()
            time.sleep(0.7)
            proxy.cut()
        scene.settled()
        for worker in scene.workers:
            scene.stop(worker)
    scene.use_store(here.postgres.url)


def _slow(_: Ground, scene: Scene) -> None:
    scene.publish(100)
    scene.worker(*(f"{scene.log(method)}/before/1/sleep=1" for method in ("claim", "intend", "record", "parked")))
    scene.settled()


def _file_locked(_: Ground, scene: Scene) -> None:
    """Another process writes to the embedded store for longer than anybody waits for it."""
    scene.publish(100, _SLOW)
    scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
    with closing(sqlite3.connect(scene.folder / "store.db", timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(13)
        connection.execute("ROLLBACK")
    scene.settled()


FAULTS = (
    Fault("PostgreSQL stopped and restarted", _amid(_down(signal.SIGINT))),
    Fault("PostgreSQL killed and restarted", _amid(_down(signal.SIGKILL))),
    Fault("PostgreSQL away when the worker starts", _away_at_the_start),
    Fault("PostgreSQL accepts nobody for 20 s", _amid(_paused, 300)),
    Fault("PostgreSQL ends all sessions and has no slot left for 5 s", _amid(_no_slot_left)),
    Fault("the job table locked for 12 s", _amid(_locked, 300)),
    Fault("the way to PostgreSQL frozen for 20 s", _frozen),
    Fault("one of two workers cut off from PostgreSQL for longer than its lease", _cut_off),
    Fault("commits whose answers are lost", _deaf, quick=("rabbitmq",)),
    Fault("slow store", _slow, _BOTH),
    Fault("the embedded store's file locked for 13 s", _file_locked, ("embedded",)),
)
