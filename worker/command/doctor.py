"""`campaign-mta doctor`: is everything there that the worker needs, and what is to be mended?"""

import asyncio
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from feedback.event import timestamp
from feedback.qualifier.storm import stormy
from feedback.store import NewerStore, StoreAway
from mta.routing.answer import Failure
from mta.routing.resolver import Resolver
from mta.signing.multibuffer import ABSENT, LANES, library
from worker import adapters, outside
from worker.command.site import ceilings
from worker.console.hearing import closures
from worker.console.views import lane
from worker.orders.order import Suspension
from worker.orders.story import sentence
from worker.queue import QueueAway
from worker.settings import BadSettings, Settings

_MOST = 20
"""Lanes and orders that are named."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `fault` says what is wrong and how to mend it, None that it is in order. `note`: what is worth
    knowing of it all the same."""

    what: str
    fault: str | None = None
    note: str | None = None


def run(settings: Settings, json: bool) -> int:
    findings = asyncio.run(_examine(settings))
    if json:
        print(msgspec.json.encode(findings).decode())
    else:
        _show(findings)
    return 1 if any(finding.fault for finding in findings) else 0


async def _examine(settings: Settings) -> list[Finding]:
    found = []
    for what, look in (
        ("traffic rules", outside.rules),
        ("qualification rules", outside.qualifier),
        ("signing keys", outside.preparation),
        ("routes", _routes),
    ):
        found.append(_settled(what, settings, look))
    found.append(_signatures())
    found.append(await _reached("broker", _broker, settings))
    found.append(store := await _reached("store", _store, settings))
    if not store.fault:
        found.append(await _weather(settings, time.time()))
        found.append(await _traffic(settings, time.time()))
    found.append(await _dns(settings))
    found += [_source(source.address) for pool in outside.pools(settings).values() for source in pool if source.address]
    return found


def _settled(what: str, settings: Settings, look: Callable[[Settings], object]) -> Finding:
    try:
        look(settings)
    except BadSettings as fault:
        return Finding(what, "; ".join(fault.faults))
    return Finding(what)


def _routes(settings: Settings) -> object:
    return outside.routing(settings, random.Random())


def _signatures() -> Finding:
    """Either way is in order; worth knowing is that what was installed to be faster is of no use."""
    found = library()
    if isinstance(found, str):
        return Finding("RSA signatures (one at a time)", note=None if found == ABSENT else found)
    return Finding(f"RSA signatures (up to {LANES} at once)")


async def _reached(what: str, reach: Callable[[Settings], Awaitable[None]], settings: Settings) -> Finding:
    try:
        await reach(settings)
    except (QueueAway, StoreAway) as fault:
        return Finding(what, f"{fault}; is it running, and is [{what}] url right?")
    except NewerStore as fault:
        return Finding(what, str(fault))
    return Finding(what)


async def _broker(settings: Settings) -> None:
    async with adapters.opened(adapters.job_publisher(settings)):
        pass


async def _store(settings: Settings) -> None:
    async with adapters.opened(adapters.delivery_log(settings, adapters.worker_name(settings))):
        pass


async def _weather(settings: Settings, now: float) -> Finding:
    """A storm is nothing that is wrong here, but somebody should know of it."""
    almanac = adapters.almanac(settings)
    try:
        await almanac.open()
        storms = stormy(await almanac.kept(), now)
    except StoreAway as fault:
        return Finding("weather at sites", str(fault))
    finally:
        await almanac.close()
    told = ", ".join(f"{site} (since {timestamp(since)})" for site, since in storms.items())
    return Finding("weather at sites", _STORM.format(told) if told else None)


_STORM = (
    "too many addresses are called dead at {}: for now they are taken for alive; ask the site, and afterwards see "
    "campaign-mta rules replay --storm"
)


async def _traffic(settings: Settings, now: float) -> Finding:
    """Sites that get no mail now, or hardly any: by an operator's order, or for they said so."""
    what = "lanes and orders"
    try:
        async with adapters.opened(adapters.order_book(settings)) as book:
            suspended = [order for order in await book.in_force(now) if isinstance(order, Suspension)]
        async with adapters.opened(adapters.records(settings)) as records:
            sites = lane.sites(await records.lanes(), [], ceilings(settings), now)
            closed = lane.closed(sites, await closures(records, sites), now)
    except (StoreAway, NewerStore) as fault:
        return Finding(what, str(fault))
    except BadSettings:
        return Finding(what, note="told when the traffic rules are in order")
    said = [sentence(order) for order in suspended] + closed
    more = [f"and {len(said) - _MOST} more: campaign-mta console shows them all"] if len(said) > _MOST else []
    return Finding(what, note="\n".join(said[:_MOST] + more) or None)


async def _dns(settings: Settings) -> Finding:
    """Any answer will do: with every domain routed, DNS is not needed at all."""
    if any(entry.domain == "*" for entry in settings.route):
        return Finding("DNS (not needed: every domain is routed)")
    found = await Resolver(settings.dns.nameservers).query("example.com", "MX")
    return Finding("DNS", f"{found.text}; see [dns] nameservers" if isinstance(found, Failure) else None)


def _source(address: str) -> Finding:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as fault:
            text = f"this machine cannot send from it: {fault.strerror}; add it to an interface, or mend the pool"
            return Finding(f"source {address}", text)
    return Finding(f"source {address}")


def _show(findings: list[Finding]) -> None:
    table = Table("what", "", box=None)
    table.add_column("to mend, or to know", overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.what), _standing(finding), Text(finding.fault or finding.note or ""))
    Console().print(table)


def _standing(finding: Finding) -> Text:
    if finding.fault:
        return Text("fault", "red")
    return Text("note", "yellow") if finding.note else Text("ok", "green")
