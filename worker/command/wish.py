"""What an operator's command line asks for, as it is compared and kept."""

from dataclasses import dataclass

from mta.duration import parse_duration
from mta.envelope import Domain, a_form
from mta.traffic.quantity import parse_rate
from worker import outside
from worker.orders.order import Limits
from worker.settings import BadSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for. `target` may be a site, a domain, a lane, or a glob."""

    target: str
    pool: str | None = None
    lasts: str | None = None
    why: str = ""
    connections: int | None = None
    rate: str | None = None
    messages_per_connection: int | None = None


def checked(settings: Settings, wish: Wish) -> tuple[str, float | None]:
    """The target as it is compared, and for how long; or every fault of them."""
    faults = []
    target = wish.target.strip().lower().rstrip(".")
    if not target.isascii():
        match a_form(target):
            case Domain(name):
                target = name
            case fault:
                faults.append(f"{wish.target!r} {fault}")
    elif not target or len(target) > 255 or not target.isprintable() or " " in target:
        faults.append(f"{wish.target!r} is no name of a site or domain")
    if wish.pool is not None and wish.pool not in (pools := outside.pools(settings)):
        faults.append(f"--pool {wish.pool}: there is none of that name; there are: {', '.join(pools)}")
    lasts = None
    try:
        lasts = parse_duration(wish.lasts) if wish.lasts is not None else None
        if lasts == 0:
            faults.append("--for: more than 0 is wanted")
    except ValueError as fault:
        faults.append(f"--for: {fault}")
    if faults:
        raise BadSettings(faults)
    return target, lasts


def wished_limits(wish: Wish) -> Limits:
    try:
        rate = parse_rate(wish.rate) if wish.rate is not None else None
    except ValueError as fault:
        raise BadSettings([f"--rate: {fault}"]) from None
    limits = Limits(connections=wish.connections, rate=rate, messages_per_connection=wish.messages_per_connection)
    if limits == Limits():
        raise BadSettings(["--connections, --rate or --messages-per-connection: at least one is wanted"])
    return limits
