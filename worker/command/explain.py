"""`campaign-mta explain job | domain`: why a job is where it is; which rule and limits apply to a domain."""

import asyncio
import random
import sys
import time
from typing import Any

import msgspec

from feedback.event import timestamp
from feedback.log.story import Hold, KeptAttempt, read_attempts, read_holds
from feedback.store import StoreAway
from mta.duration import format_duration
from mta.envelope import Domain, a_form
from mta.lane import Lane
from mta.routing.route import NoRoute, Route
from mta.traffic.accounts import SharesAway
from mta.traffic.quantity import format_rate
from mta.traffic.rule import Rule
from worker import adapters, outside
from worker.command.orders import concerning, sentence
from worker.command.orders import told as order_told
from worker.console.hearing import hear
from worker.console.views import message
from worker.orders.order import Order
from worker.settings import Settings
from worker.shares import story

_CHANGES = 10
"""The last changes that are told."""


def job(settings: Settings, job_id: str, json: bool) -> int:
    try:
        heard = asyncio.run(_hear(settings, job_id))
    except StoreAway as fault:
        print(f"the store cannot be reached: {fault}", file=sys.stderr)
        return 1
    if heard is None:
        print(f"no job {job_id} has been accepted; is it still in the queue, or was it rejected?", file=sys.stderr)
        return 1
    now = time.time()
    story = message.story(heard, now)
    orders: list[Order] = []
    if story.standing not in ("sent", "failed", "cancelled"):
        orders = _orders(settings, story.site, story.address.rpartition("@")[2], story.delivery_id)
    if json:
        told = _told(heard, story) | {"orders": list(map(order_told, orders))}
        print(msgspec.json.encode(told).decode())
    else:
        print("\n".join([*_story(story, heard), *_sentences(orders)]))
    return 0


async def _hear(settings: Settings, job_id: str) -> message.Heard | None:
    async with adapters.opened(adapters.records(settings)) as records:
        return await hear(records, job_id)


def _orders(settings: Settings, site: str | None, domain: str, delivery_id: str = "") -> list[Order]:
    """The operators' orders that apply; without the store, none are known."""
    try:
        return asyncio.run(concerning(settings, site, domain, delivery_id))
    except StoreAway as fault:
        print(f"the store cannot be reached, so operators' orders are not shown: {fault}", file=sys.stderr)
        return []


def _sentences(orders: list[Order]) -> list[str]:
    return [f"  by order: {sentence(order)}" for order in orders]


def _told(heard: message.Heard, story: message.Story) -> dict[str, Any]:
    job = heard.job
    newest = job.event if job else heard.message.event if heard.message else None
    return {
        "job_id": story.job_id,
        "delivery_id": story.delivery_id,
        "rcpt_to": story.address,
        "accepted_at": timestamp(job.accepted_at) if job else None,
        "expires_at": timestamp(job.expires_at) if job else None,
        "attempts": job.attempt if job else None,
        "in_doubt": story.in_doubt,
        "last_event": msgspec.json.decode(newest) if newest else None,
        "worker": heard.owner,
        "next": story.next,
        "holds": [_hold(hold) for hold in read_holds(job.holds if job else None)],
        "history": [_attempt(attempt) for attempt in read_attempts(heard.attempts)],
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {**msgspec.to_builtins(hold), "since": timestamp(hold.since), "until": timestamp(hold.until)}


def _attempt(attempt: KeptAttempt) -> dict[str, Any]:
    return {**msgspec.to_builtins(attempt), "began_at": timestamp(attempt.began_at)}


def _story(story: message.Story, heard: message.Heard) -> list[str]:
    lines = [f"job {story.job_id} of delivery {story.delivery_id}, to {story.address}"]
    if heard.job is not None:
        lines.append(f"  valid until {timestamp(heard.job.expires_at)}, {heard.job.attempt} attempts so far")
    if story.in_doubt:
        lines.append("  in doubt: the receiver may have taken a copy without our knowing")
    for moment in story.moments:
        lines += _moment(moment)
    facts = story.meaning if heard.attempts else (*story.conversation, *story.meaning)  # an attempt has them already
    lines += [f"  {fact.name}: {fact.value}" for fact in facts]
    return [*lines, f"  next: {story.next}"]


def _moment(moment: message.Moment) -> list[str]:
    detail = f": {moment.detail}" if moment.detail else ""
    facts = ", ".join(f"{fact.name} {fact.value}" for fact in moment.facts)
    return [
        f"  {timestamp(moment.at)} {'(to come) ' if moment.ahead else ''}{moment.what}{detail}",
        *([f"    {facts}"] if facts else []),
        *(f"      {line}" for line in moment.dialogue),
    ]


def domain(settings: Settings, name: str, json: bool) -> int:
    match a_form(name):
        case Domain(a_name):
            pass
        case fault:
            print(f"{name!r} {fault}", file=sys.stderr)
            return 2
    route = asyncio.run(outside.routing(settings, random.Random()).route(a_name))
    if isinstance(route, NoRoute):
        print(f"{a_name}: no way there: {route.text}", file=sys.stderr)
        return 1
    rule = outside.rules(settings).match(route)
    orders = _orders(settings, route.site, a_name)
    try:
        lanes = asyncio.run(_lanes(settings, route, rule))
    except SharesAway as fault:
        print(f"what was learnt is not known, for the store cannot be reached: {fault}", file=sys.stderr)
        lanes = []
    if json:
        told = _limits(route, rule) | {"lanes": lanes, "orders": list(map(order_told, orders))}
        print(msgspec.json.encode(told).decode())
    else:
        _show(route, rule)
        print("".join(f"{line}\n" for line in _sentences(orders)), end="")
        print("\n".join(line for lane in lanes for line in story.lines(lane)) or "nobody has sent there yet")
    return 0


async def _lanes(settings: Settings, route: Route, rule: Rule) -> list[dict[str, Any]]:
    """What the workers know of the site, for each egress source."""
    names = [str(Lane(source, route.site)) for pool in outside.pools(settings).values() for source in pool]
    async with adapters.opened(adapters.shares(settings)) as shares:
        known, changes = await shares.known(names), await shares.changes(names, _CHANGES)
    return [story.told(name, known[name], rule, changes, time.time()) for name in names if name in known]


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


def _show(route: Route, rule: Rule) -> None:
    how = "a configured route" if route.static else "its MX records"
    print(f"{route.domain} is served by site {route.site}, found by {how}: {', '.join(map(str, route.hosts))}")
    rate = f"{format_rate(rule.rate)}" if rule.rate is not None else "without a ceiling"
    print(f"rule {rule.name}: at most {rule.connections} connections, {rule.messages_per_connection} messages on each,")
    print(f"  rate {rate}, TLS {rule.tls.value}; per egress source, over all workers")
    for reaction in rule.reactions:
        print(f"  a reply like /{reaction.match}/: {reaction.action} for {format_duration(reaction.lasts)}")
