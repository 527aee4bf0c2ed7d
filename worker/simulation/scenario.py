"""A scenario file: receiving sites with hidden limits, and the wave that is sent to them."""

import tomllib
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mta.duration import parse_duration
from mta.traffic.entry import read_rule
from mta.traffic.quantity import parse_rate
from mta.traffic.rule import Rule


class BadScenario(Exception):
    """The scenario cannot be run; `faults` are lines for people, each naming the key."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _seconds(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _rate(value: Any) -> Any:
    return parse_rate(value) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
PerSecond = Annotated[float, BeforeValidator(_rate), Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Outage(_Table):
    at: Seconds
    lasts: Seconds = Field(alias="for")


class Block(_Table):
    """What the site does to senders that push: `throttled_share` of the attempts of the last `over` seconds refused."""

    throttled_share: Share
    over: Seconds
    lasts: Seconds = Field(alias="for")


class Limits(_Table):
    """What a site hides from its senders; all of it per egress source. None: no limit."""

    max_connections: Count | None = None
    max_rate: PerSecond | None = None
    max_per_connection: Count | None = None


class Change(Limits):
    at: Seconds


class SiteEntry(Limits):
    name: str = Field(min_length=1)
    share: Share | None = None
    count: Count = 1  # so many such sites, which divide the share among them
    latency: Seconds = 0.08
    greylist: Seconds | None = None
    bad_recipients: Share = 0.0
    transient: Share = 0.0
    down: tuple[Outage, ...] = ()
    block: Block | None = None
    change: tuple[Change, ...] = ()


class Crew(_Table):
    """From `at` on there are so many workers; those that leave take their leases with them, as a killed one would."""

    at: Seconds
    workers: Count


class Scenario(_Table):
    """One wave, all of it queued at time 0."""

    seed: int = 1
    horizon: Seconds = 86400.0
    messages: Count
    workers: Annotated[int, Field(ge=1, le=10_000)] = 1
    sources: Annotated[int, Field(ge=1, le=1000)] = 1
    site: tuple[SiteEntry, ...]
    crew: tuple[Crew, ...] = ()
    rule: tuple[dict[str, Any], ...] = ()

    @property
    def rules(self) -> list[Rule]:
        """The operator's rules, where the scenario has any."""
        return [rule for entry in self.rule if isinstance(rule := read_rule(entry), Rule)]


def read(text: str, *, wave: bool = True) -> Scenario:
    """The scenario in this TOML text. Without a `wave` only the sites matter, and the number of messages may be left out.

    Raises:
        BadScenario: with every fault.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadScenario([f"no TOML: {fault}"]) from None
    if not wave:
        tree.setdefault("messages", 1)
    faults = _beside_the_model(tree)
    try:
        scenario = Scenario.model_validate(tree)
    except ValidationError as wrong:
        raise BadScenario([_line(fault) for fault in wrong.errors(include_url=False)] + faults) from None
    if faults:
        raise BadScenario(faults)
    return scenario


def _beside_the_model(tree: dict[str, Any]) -> list[str]:
    """Faults of the whole, and of the rules."""
    sites, rules = (_tables(tree.get(key, [])) for key in ("site", "rule"))
    names = [site["name"] for site in sites if isinstance(site.get("name"), str)]
    faults = [f"site: two are called {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    if "site" in tree and not tree["site"]:
        faults.append("site: at least one [[site]] is needed")
    for number, entry in enumerate(rules):
        if isinstance(wrong := read_rule(entry), list):
            faults += [f"rule[{number}].{line}" for line in wrong]
    return faults


def _tables(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def allotted(scenario: Scenario) -> list[tuple[SiteEntry, str, int]]:
    """Each site with its name and its number of messages; entries that stand for several are spread out."""
    entries = scenario.site
    given = sum(site.share for site in entries if site.share is not None)
    open_ended = sum(site.share is None for site in entries)
    rest = max(0.0, 1 - given) / open_ended if open_ended else 0.0
    shares = [rest if site.share is None else site.share for site in entries]
    whole = sum(shares) or 1.0
    parts = [
        (
            site,
            f"{site.name}-{number:0{len(str(site.count))}}" if site.count > 1 else site.name,
            share / whole / site.count,
        )
        for site, share in zip(entries, shares, strict=True)
        for number in range(1, site.count + 1)
    ]
    return _apportioned(parts, scenario.messages)


def _apportioned(parts: list[tuple[SiteEntry, str, float]], messages: int) -> list[tuple[SiteEntry, str, int]]:
    """By largest remainder, so that the sum is exact."""
    floors = [int(share * messages + 1e-9) for _, _, share in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i][2] * messages, i))
    for i in by_remainder[: messages - sum(floors)]:
        floors[i] += 1
    return [(site, name, count) for (site, name, _), count in zip(parts, floors, strict=True)]


def _line(fault: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    reason = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    return f"{where}: {reason}" if where else str(reason)
