"""Which adapter stands behind a seam: the URL's scheme decides, here and nowhere else."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from feedback.log import DeliveryLog
from feedback.log.postgres import PostgresLog
from feedback.log.sqlite import SqliteLog
from feedback.store.postgres import Postgres
from feedback.stream import FeedbackStream
from feedback.tracker import Tracker
from feedback.tracker.postgres import PostgresTracker
from feedback.tracker.sqlite import SqliteTracker
from feedback.unknown import UnknownReplies
from feedback.unknown.postgres import PostgresUnknownReplies
from feedback.unknown.sqlite import SqliteUnknownReplies
from feedback.weather import Almanac
from feedback.weather.postgres import PostgresAlmanac
from feedback.weather.sqlite import SqliteAlmanac
from mta.routing.book import PolicyStore
from mta.traffic.accounts import Shares
from worker.console.records import Records
from worker.console.records.postgres import PostgresRecords
from worker.console.records.sqlite import SqliteRecords
from worker.orders import OrderBook
from worker.orders.postgres import PostgresOrders
from worker.orders.sqlite import SqliteOrders
from worker.policies.postgres import PostgresPolicies
from worker.policies.sqlite import SqlitePolicies
from worker.queue import JobPublisher, JobQueue, Watch
from worker.queue.rabbit import Prefetch, RabbitFeedback, RabbitPublisher, RabbitQueue
from worker.queue.sqlite import SqliteFeedback, SqlitePublisher, SqliteQueue
from worker.ramps import RampBook
from worker.ramps.postgres import PostgresRamps
from worker.ramps.sqlite import SqliteRamps
from worker.settings import Settings
from worker.shares.postgres import PostgresShares
from worker.shares.sqlite import SqliteShares


class Adapter(Protocol):
    """What stands behind a seam and has to be opened."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


A = TypeVar("A", bound=Adapter)
F = TypeVar("F")
S = TypeVar("S")


@asynccontextmanager
async def opened(adapter: A) -> AsyncIterator[A]:
    """An adapter for as long as a command needs it."""
    await adapter.open()
    try:
        yield adapter
    finally:
        await adapter.close()


def job_queue(settings: Settings, watch: Watch) -> JobQueue:
    url, prefix, worker = settings.broker.url.get_secret_value(), settings.broker.prefix, settings.worker
    if path := _file(url):
        return SqliteQueue(path, prefix)
    # A little more than the worker holds at once, so that it never waits for the broker's next word.
    prefetch = Prefetch(bulk=worker.in_flight + 100, transactional=worker.transactional_in_flight + 100)
    return RabbitQueue(url, prefix, prefetch=prefetch, watch=watch)


def job_publisher(settings: Settings) -> JobPublisher:
    url, prefix = settings.broker.url.get_secret_value(), settings.broker.prefix
    return SqlitePublisher(path, prefix) if (path := _file(url)) else RabbitPublisher(url, prefix)


def feedback_stream(settings: Settings) -> FeedbackStream:
    url, prefix = settings.broker.url.get_secret_value(), settings.broker.prefix
    return SqliteFeedback(path, prefix) if (path := _file(url)) else RabbitFeedback(url, prefix)


def delivery_log(settings: Settings, worker: str) -> DeliveryLog:
    url = settings.store.url.get_secret_value()
    if path := _file(url):
        return SqliteLog(path, worker=worker)
    return PostgresLog(_postgres(url), worker=worker, lease=settings.worker.lease)


def tracker(settings: Settings) -> Tracker:
    return _stored(settings, SqliteTracker, PostgresTracker)


def unknown_replies(settings: Settings) -> UnknownReplies:
    return _stored(settings, SqliteUnknownReplies, PostgresUnknownReplies)


def almanac(settings: Settings) -> Almanac:
    return _stored(settings, SqliteAlmanac, PostgresAlmanac)


def order_book(settings: Settings) -> OrderBook:
    return _stored(settings, SqliteOrders, PostgresOrders)


def policy_store(settings: Settings) -> PolicyStore:
    return _stored(settings, SqlitePolicies, PostgresPolicies)


def shares(settings: Settings) -> Shares:
    return _stored(settings, SqliteShares, PostgresShares)


def records(settings: Settings) -> Records:
    return _stored(settings, SqliteRecords, PostgresRecords)


def ramp_book(settings: Settings) -> RampBook:
    return _stored(settings, SqliteRamps, PostgresRamps)


def worker_name(settings: Settings) -> str:
    """The name of this process in events and logs."""
    return f"{settings.worker.name or socket.gethostname()}-{os.getpid()}"


def places(settings: Settings) -> dict[str, str]:
    """Where broker and store are, without their secrets."""
    urls = {"broker": settings.broker.url.get_secret_value(), "store": settings.store.url.get_secret_value()}
    return {name: _file(url) or urlsplit(url).netloc.rpartition("@")[2] for name, url in urls.items()}


def embedded(settings: Settings) -> bool:
    """Queue or store are files of one worker process."""
    return bool(_file(settings.broker.url.get_secret_value()) or _file(settings.store.url.get_secret_value()))


def _stored(settings: Settings, in_file: Callable[[str], F], shared: Callable[[Postgres], S]) -> F | S:
    """The embedded store's adapter, or that of the store which many share."""
    url = settings.store.url.get_secret_value()
    return in_file(path) if (path := _file(url)) else shared(_postgres(url))


@cache
def _postgres(url: str) -> Postgres:
    """The one pool of this process, whatever adapters stand on it."""
    return Postgres(url)


def _file(url: str) -> str | None:
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else None
