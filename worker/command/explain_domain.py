"""`campaign-mta explain domain`: which rule and limits apply to a domain, what was learnt of its site, and why."""

import asyncio
import random
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from feedback.event import timestamp
from feedback.qualifier.storm import Breaker, shares, stormy
from feedback.store import StoreAway
from mta.duration import format_duration
from mta.envelope import Domain, a_form
from mta.lane import Lane
from mta.routing.route import NoRoute, Route
from mta.traffic.accounts import SharesAway
from mta.traffic.quantity import format_rate
from mta.traffic.ramp import Ramp
from mta.traffic.rule import Rule
from worker import adapters, outside
from worker.command.away import say_away
from worker.command.in_force import concerning, sentences
from worker.orders.order import Order
from worker.orders.story import told as order_told
from worker.ramps import story as ramp_story
from worker.ramps.gate import DAY
from worker.settings import Settings
from worker.shares import story

_CHANGES = 10
"""The last changes that are told."""

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the store knows of a site: its lanes, those of sources that are being warmed up, and a storm there."""

    lanes: list[Told] = field(default_factory=list)
    ramps: list[Told] = field(default_factory=list)
    storm: Told | None = None


def run(settings: Settings, name: str, json: bool) -> int:
    match a_form(name.rpartition("@")[2]):
        case Domain(a_name):
            pass
        case fault:
            print(f"DOMAIN {name!r} {fault}", file=sys.stderr)
            return 2
    return asyncio.run(_explain(settings, a_name, json))


async def _explain(settings: Settings, domain: str, json: bool) -> int:
    route = await outside.routing(settings, random.Random()).route(domain)
    if isinstance(route, NoRoute):
        print(f"{domain}: no way there: {route.text}", file=sys.stderr)
        return 1
    rule, orders = outside.rules(settings).match(route), await concerning(settings, route.site, domain)
    try:
        learnt = await _learn(settings, route, rule)
    except (StoreAway, SharesAway) as fault:
        say_away(fault, "what was learnt is not known")
        learnt = Learnt()
    if json:
        known = {"lanes": learnt.lanes, "ramps": learnt.ramps, "storm": learnt.storm}
        print(msgspec.json.encode(_limits(route, rule) | known | {"orders": list(map(order_told, orders))}).decode())
    else:
        _show(route, rule, orders, learnt)
    return 0


async def _learn(settings: Settings, route: Route, rule: Rule) -> Learnt:
    lanes = [Lane(source, route.site) for pool in outside.pools(settings).values() for source in pool]
    return Learnt(
        await _lanes(settings, list(map(str, lanes)), rule),
        await _ramps(settings, [lane for lane in lanes if lane.source.ramp is not None]),
        await _storm(settings, route.site),
    )


async def _lanes(settings: Settings, names: list[str], rule: Rule) -> list[Told]:
    """What the workers know of the site, for each egress source."""
    async with adapters.opened(adapters.shares(settings)) as shares:
        known, changes = await shares.known(names), await shares.changes(names, _CHANGES)
    return [story.told(name, known[name], rule, changes, time.time()) for name in names if name in known]


async def _ramps(settings: Settings, lanes: list[Lane]) -> list[Told]:
    """Where the sources stand that are being warmed up; one that has sent nothing there yet is on its first day."""
    if not lanes:
        return []
    async with adapters.opened(adapters.ramp_book(settings)) as book:
        known = await book.known(list(map(str, lanes)))
    date = int(time.time() // DAY)
    found = []
    for lane in lanes:
        volume = lane.source.ramp or 1
        ramp = known.get(str(lane), Ramp(volume=volume, date=date))
        found.append(ramp_story.told(str(lane), replace(ramp, volume=volume), date))
    return found


async def _storm(settings: Settings, site: str) -> Told | None:
    async with adapters.opened(adapters.almanac(settings)) as almanac:
        kept = await almanac.kept()
    since = stormy(kept, time.time()).get(site)
    if since is None:
        return None
    now, usual = shares(kept[site], Breaker())
    return {"since": timestamp(since), "hard_share": round(100 * now, 2), "usual_share": round(100 * usual, 2)}


def _limits(route: Route, rule: Rule) -> dict[str, Any]:
    return {
        "domain": route.domain,
        "site": route.site,
        "configured": route.static,
        "hosts": [str(host) for host in route.hosts],
        "rule": rule.name,
        "connections": rule.connections,
        "messages_per_connection": rule.messages_per_connection,
        "rate": format_rate(rule.rate) if rule.rate is not None else None,
        "tls": rule.tls.value,
        "on_reply": [{"match": r.match, "action": r.action, "for": format_duration(r.lasts)} for r in rule.reactions],
    }


def _show(route: Route, rule: Rule, orders: list[Order], learnt: Learnt) -> None:
    how = "a configured route" if route.static else "its MX records"
    print(f"{route.domain} is served by site {route.site}, found by {how}: {', '.join(map(str, route.hosts))}")
    rate = f"{format_rate(rule.rate)}" if rule.rate is not None else "without a ceiling"
    print(f"rule {rule.name}: at most {rule.connections} connections, {rule.messages_per_connection} messages on each,")
    print(f"  rate {rate}, TLS {rule.tls.value}; per egress source, over all workers")
    for reaction in rule.reactions:
        print(f"  a reply like /{reaction.match}/: {reaction.action} for {format_duration(reaction.lasts)}")
    print("".join(f"{line}\n" for line in sentences(orders)), end="")
    if learnt.storm:
        print(_STORM.format(**learnt.storm))
    for ramp in learnt.ramps:
        print(ramp_story.line(ramp))
    print("\n".join(line for lane in learnt.lanes for line in story.lines(lane)) or "nobody has sent there yet")


_STORM = """\
a storm since {since}: {hard_share:g} % of its replies call the address dead, usually {usual_share:g} %;
  until it is over such addresses are taken for alive, and their mails tried again"""
