"""Which MTA-STS policies are in force: fetched, held in memory, and kept over the end of the process (RFC 8461)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from mta.routing.answer import Answer, Dns
from mta.routing.sts import StsPolicy, Unfetched, parse_policy, parse_record

_log = structlog.get_logger("mta.routing")

RETRY = 300.0
"""Seconds before a policy that could not be fetched is asked for again (section 3.3)."""
RENEWAL = 86_400.0
"""Seconds, a day, or half of what a shorter policy holds: then it is fetched again, so that it does not lapse while nobody
can get at its file (section 10.2)."""

Fetch = Callable[[str], Awaitable[str | Unfetched]]
"""Gets the policy file of a domain over HTTPS."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy as it is kept: fetched for `domain` while its record announced `id`; in force `until` (POSIX seconds)."""

    domain: str
    id: str
    policy: StsPolicy
    until: float


class PolicyStore(Protocol):
    """Where policies outlive a process."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def kept(self, now: float, most: int) -> Sequence[Kept]:
        """Those in force at `now`; of more than `most`, the ones that hold longest."""

    async def keep(self, kept: Kept) -> None:
        """Put it in the place of what was kept for the domain. Raises nothing: the policy is in force all the same."""


class Forgetful:
    """A `PolicyStore` that keeps nothing."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def kept(self, now: float, most: int) -> Sequence[Kept]:
        return ()

    async def keep(self, kept: Kept) -> None: ...


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
    of the DNS must not be able to suppress the policy (section 3.3), nor who waits for this process to end: `store` keeps
    policies over that. `clock` gives POSIX time.
    """

    def __init__(
        self,
        dns: Dns,
        fetch: Fetch,
        clock: Callable[[], float],
        store: PolicyStore | None = None,
        *,
        entries: int = 20_000,
    ) -> None:
        self._dns = dns
        self._fetch = fetch
        self._clock = clock
        self._store = store or Forgetful()
        self._entries = entries
        self._held: dict[str, _Held] = {}
        self._fetching: dict[str, asyncio.Task[StsPolicy | None]] = {}

    async def open(self) -> None:
        """Take up what the store has kept, before the first mail. May raise what the store does; then try again."""
        await self._store.open()
        for each in await self._store.kept(self._clock(), self._entries):
            fetched_at = each.until - each.policy.max_age
            self._hold(each.domain, _Held(each.policy, each.id, each.until, _renewal(each.policy, fetched_at)))

    async def close(self) -> None:
        await self._store.close()

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
            kept = Kept(domain, announced, policy, now + policy.max_age)
            self._hold(domain, _Held(policy, announced, kept.until, _renewal(policy, now)))
            await self._store.keep(kept)
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


def _renewal(policy: StsPolicy, fetched_at: float) -> float:
    return fetched_at + min(policy.max_age / 2, RENEWAL)
