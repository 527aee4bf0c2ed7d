"""What is known of a lane, for people and for JSON. Pure."""

from collections.abc import Sequence
from math import inf
from typing import Any

from feedback.event import timestamp
from mta.traffic.accounts import Changed
from mta.traffic.dial import Dial
from mta.traffic.pace import Change
from mta.traffic.quantity import format_rate
from mta.traffic.rule import Rule
from mta.traffic.shares import Account


def told(lane: str, account: Account, rule: Rule, changes: Sequence[Changed], now: float) -> dict[str, Any]:
    """A lane's limits in force, the walls behind them, who holds what of them until when, and what was changed last."""
    pace = account.pace
    connections, rate, messages = pace.limits(rule)
    return {
        "lane": lane,
        "rate": None if rate == inf else format_rate(rate),
        "connections": connections,
        "messages_per_connection": messages,
        "wall": {"rate": _wall(pace.rate), "connections": None if pace.window.searching else int(pace.window.wall)},
        "closed_until": timestamp(pace.closed_until) if pace.closed_until > now else None,
        "closed_by": pace.closed_by if pace.closed_until > now or pace.trial else None,
        "on_trial": pace.trial,
        "leases": [
            {"worker": worker, "connections": lease.window, "rate": lease.rate, "until": timestamp(lease.until)}
            for worker, lease in sorted(account.leases.items())
            if lease.until > now and lease.window
        ],
        "changes": [_change(each.change) for each in changes if each.lane == lane],
    }


def lines(told: dict[str, Any]) -> list[str]:
    """The same as sentences."""
    said = [f"lane {told['lane']}: {_state(told)}"]
    if told["on_trial"]:
        said.append("  it opens again once a few messages have got through, one at a time")
    walls = [f"{value} {unit}" for value, unit in _walls(told["wall"]) if value is not None]
    said.append(f"  found so far: the site takes about {' and '.join(walls)}" if walls else "  no limit was met so far")
    for lease in told["leases"]:
        rate = f"{lease['rate']:.3g}/s"
        said.append(f"  {lease['worker']} holds {lease['connections']} connections, {rate}, until {lease['until']}")
    for change in told["changes"]:
        said.append(f"  {change['at']} {change['what']} {_number(change['from'])} -> {_number(change['to'])}")
        until = f" (until {change['until']})" if change["until"] else ""
        said.append(f"    because: {change['why']}{until}")
    return said


def _state(told: dict[str, Any]) -> str:
    if told["closed_until"]:
        return f"closed until {told['closed_until']}, for the site was {told['closed_by']}"
    rate = f"{told['rate']}" if told["rate"] else "any rate"
    limits = f"{told['connections']} connections, {told['messages_per_connection']} messages on each, {rate}"
    return f"on trial after it was {told['closed_by']}, {limits}" if told["on_trial"] else f"now {limits}"


def _wall(dial: Dial) -> str | None:
    return None if dial.searching else format_rate(dial.wall)


def _walls(wall: dict[str, Any]) -> list[tuple[Any, str]]:
    return [(wall["rate"], "messages"), (wall["connections"], "connections")]


def _change(change: Change) -> dict[str, Any]:
    return {
        "at": timestamp(change.at),
        "what": change.what,
        "from": None if change.was == inf else change.was,
        "to": None if change.becomes == inf else change.becomes,
        "why": change.why,
        "until": None if change.until is None else timestamp(change.until),
    }


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
