"""MTA-STS (RFC 8461): a domain's policy on where its mail may go and that TLS must be authentic."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from mta.envelope import Domain, a_form
from mta.routing.resolver import Answer, Dns

_log = structlog.get_logger("mta.routing")

MAX_AGE = 31_557_600.0
"""Seconds, about a year: the longest a policy may hold (section 3.2)."""
RETRY = 300.0
"""Seconds before a policy that could not be fetched is asked for again (section 3.3)."""
RENEWAL = 86_400.0
"""Seconds, a day, or half of what a shorter policy holds: then it is fetched again, so that it does not lapse while nobody
can get at its file (section 10.2)."""

_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class Mode(StrEnum):
    NONE = "none"
    TESTING = "testing"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """What a domain asks of its senders. `max_age` in seconds; `mx` are patterns in A-form, lower case."""

    mode: Mode
    max_age: float
    mx: tuple[str, ...] = ()

    def covers(self, host: str) -> bool:
        """Whether a host is one of the domain's (section 4.1): `*.` stands for exactly one label."""
        parent = host.partition(".")[2]
        return host in self.mx or (bool(parent) and f"*.{parent}" in self.mx)


@dataclass(frozen=True, slots=True)
class Unfetched:
    """The policy could not be had; `text` says why. `untrusted`: the certificate of its web server was not authentic."""

    text: str
    untrusted: bool = False


Fetch = Callable[[str], Awaitable[str | Unfetched]]
"""Gets the policy file of a domain over HTTPS."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A policy held for a domain: under which id, until when, when to renew it, and when to try again after a `fault`."""

    policy: StsPolicy | None = None
    id: str | None = None
    until: float = 0.0
    renew_at: float = 0.0
    retry_at: float = 0.0
    fault: Unfetched | str | None = None


class PolicyBook:
    """The policies of domains, fetched when first wanted and when their id changes, held as long as they say.

    Once known, a policy holds for its `max_age` whatever becomes of the record that announced it: who can suppress an answer
    of the DNS must not be able to suppress the policy (section 3.3). `clock` in seconds, never going back.
    """

    def __init__(self, dns: Dns, fetch: Fetch, clock: Callable[[], float], *, entries: int = 20_000) -> None:
        self._dns = dns
        self._fetch = fetch
        self._clock = clock
        self._entries = entries
        self._held: dict[str, _Held] = {}
        self._fetching: dict[str, asyncio.Task[StsPolicy | None]] = {}

    async def policy(self, domain: str) -> StsPolicy | None:
        """The policy in force for a domain in A-form; None: it has none, or none could be had."""
        announced = await self._announced(domain)
        now, held = self._clock(), self._held.get(domain, _Held())
        current = held.policy if now < held.until else None
        same = current is not None and announced == held.id
        if announced is None or now < held.retry_at or (same and now < held.renew_at):
            return current
        fetching = self._fetching.get(domain) or self._begin(domain, announced)
        return current if same else await asyncio.shield(fetching)  # one waiter's cancellation is not the others'

    def missing(self, domain: str) -> Unfetched | str | None:
        """Why the policy that a domain announces could not be had lately: not fetched, or what is wrong with its file."""
        held = self._held.get(domain)
        return held.fault if held is not None and self._clock() < held.retry_at else None

    def _begin(self, domain: str, announced: str) -> asyncio.Task[StsPolicy | None]:
        fetching = asyncio.create_task(self._renew(domain, announced))
        self._fetching[domain] = fetching
        fetching.add_done_callback(lambda _: self._fetching.pop(domain, None))
        return fetching

    async def _renew(self, domain: str, announced: str) -> StsPolicy | None:
        """Fetch a policy; the one that is in force afterwards."""
        fetched = await self._fetch(domain)
        policy = parse_policy(fetched) if isinstance(fetched, str) else fetched
        now, held = self._clock(), self._held.get(domain, _Held())
        if isinstance(policy, StsPolicy):
            renew_at = now + min(policy.max_age / 2, RENEWAL)
            self._hold(domain, _Held(policy, announced, now + policy.max_age, renew_at))
            return policy
        _log.info("sts_policy_missing", domain=domain, fault=policy if isinstance(policy, str) else policy.text)
        self._hold(domain, replace(held, retry_at=now + RETRY, fault=policy))
        return held.policy if now < held.until else None

    async def _announced(self, domain: str) -> str | None:
        found = await self._dns.query(f"_mta-sts.{domain}", "TXT")
        if not isinstance(found, Answer):
            return None
        return parse_record(b"".join(each.strings).decode("ascii", "replace") for each in found.records)

    def _hold(self, domain: str, held: _Held) -> None:
        self._held.pop(domain, None)
        if len(self._held) >= self._entries:
            del self._held[next(iter(self._held))]
        self._held[domain] = held


def parse_record(texts: Iterable[str]) -> str | None:
    """The id that a domain's TXT records announce its policy under (section 3.1); None: there is no policy."""
    announcing = [text for text in texts if re.match(r"v=STSv1[ \t]*;", text)]
    if len(announcing) != 1:
        return None
    fields = dict(_field(part) for part in announcing[0].split(";")[1:] if part.strip())
    found = fields.get("id", "")
    return found if _ID.fullmatch(found) else None


def parse_policy(text: str) -> StsPolicy | str:
    """The policy in a file (section 3.2), or what is wrong with it."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    if fields.get("version") != ["STSv1"]:
        return "the policy is not of version STSv1"
    try:
        mode = Mode(fields.get("mode", [""])[0])
    except ValueError:
        return "the policy has no mode that is known"
    age = fields.get("max_age", [""])[0]
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        return "the policy has no max_age"
    patterns = tuple(pattern for value in fields.get("mx", []) if (pattern := _pattern(value)) is not None)
    if mode is not Mode.NONE and not patterns:
        return "the policy names no mx"
    return StsPolicy(mode, min(float(age), MAX_AGE), patterns)


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip()


def _pattern(value: str) -> str | None:
    wild, name = ("*.", value[2:]) if value.startswith("*.") else ("", value)
    match a_form(name):
        case Domain(a_name):
            return wild + a_name
        case _:
            return None
