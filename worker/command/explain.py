"""`campaign-mta explain job | domain`: why a job is where it is; which rule and limits apply to a domain."""

import asyncio
import random
import sys
import time
from typing import Any

import msgspec

from feedback.event import timestamp
from feedback.log import State
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
from worker.orders.order import Order
from worker.settings import Settings
from worker.shares import story

_CHANGES = 10
"""The last changes that are told."""


def job(settings: Settings, job_id: str, json: bool) -> int:
    try:
        state = asyncio.run(_find(settings, job_id))
    except StoreAway as fault:
        print(f"the store cannot be reached: {fault}", file=sys.stderr)
        return 1
    if state is None:
        print(f"no job {job_id} has been accepted; is it still in the queue, or was it rejected?", file=sys.stderr)
        return 1
    told = _told(state)
    last = told["last_event"] or {}
    orders: list[Order] = []
    if not last.get("final"):
        site, name = (last.get("path") or {}).get("site"), told["rcpt_to"].rpartition("@")[2]
        orders = _orders(settings, site, name, state.face.delivery_id)
    told["orders"] = list(map(order_told, orders))
    print(msgspec.json.encode(told).decode() if json else "\n".join([_story(told), *_sentences(orders)]))
    return 0


async def _find(settings: Settings, job_id: str) -> State | None:
    async with adapters.opened(adapters.delivery_log(settings, adapters.worker_name(settings))) as log:
        return await log.find(job_id)


def _orders(settings: Settings, site: str | None, domain: str, delivery_id: str = "") -> list[Order]:
    """The operators' orders that apply; without the store, none are known."""
    try:
        return asyncio.run(concerning(settings, site, domain, delivery_id))
    except StoreAway as fault:
        print(f"the store cannot be reached, so operators' orders are not shown: {fault}", file=sys.stderr)
        return []


def _sentences(orders: list[Order]) -> list[str]:
    return [f"  by order: {sentence(order)}" for order in orders]


def _told(state: State) -> dict[str, Any]:
    last: dict[str, Any] | None = msgspec.json.decode(state.last_event) if state.last_event else None
    return {
        "job_id": state.face.job_id,
        "delivery_id": state.face.delivery_id,
        "rcpt_to": state.face.rcpt_to,
        "accepted_at": timestamp(state.accepted_at),
        "expires_at": timestamp(state.expires_at),
        "attempts": state.attempt,
        "in_doubt": state.doubtful,
        "last_event": last,
    }


def _story(told: dict[str, Any]) -> str:
    lines = [
        f"job {told['job_id']} of delivery {told['delivery_id']}, to {told['rcpt_to']}",
        f"  accepted {told['accepted_at']}, valid until {told['expires_at']}, {told['attempts']} attempts so far",
    ]
    if told["in_doubt"]:
        lines.append("  in doubt: the receiver may have taken a copy without our knowing")
    last = told["last_event"]
    if last is None:
        return "\n".join([*lines, "  no outcome yet: it waits for its contact date or its turn, or is being sent now"])
    lines.append(f"  {last['at']} {last['event']}" + (f" ({last['cause']})" if "cause" in last else ""))
    if smtp := last.get("smtp"):
        said = f"{smtp['code']} {smtp['text']}" if smtp["code"] else smtp["text"]
        host = (last.get("path") or {}).get("mx_host") or "nobody"
        lines.append(f"    {host} at {smtp['phase']}: {said}")
    if means := last.get("qualification"):
        lines.append(f"    read as {means['name']} ({means['type']}, {means['reason_name']}) by rule {means['rule']}")
    if last.get("detail"):
        lines.append(f"    {last['detail']}")
    if last["event"] == "delayed":
        lines.append(f"  next: tried again at {last['next_attempt_at']}")
    return "\n".join(lines)


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
