"""Counts of TLS results per policy domain and day (UTC), in bounded memory."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from mta.attempt import Attempt
from mta.tlsrpt.applied import Applied, Flaw, Result
from mta.tlsrpt.finding import finding

MAX_DOMAINS = 10_000
"""Domains counted in a day; what others give is not."""
MAX_POLICIES = 10
"""Different policies of a domain in a day."""
MAX_DETAILS = 50
"""Different failures under a policy in a day; what is beyond them is told by its type alone."""
MAX_NOTES = 20_000
"""Hosts of domains whose policy is remembered."""
_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One kind of failure: what failed, between which ends, and why. What is not known is None."""

    result: Result
    source_ip: str | None = None
    mx_host: str | None = None
    remote_ip: str | None = None
    text: str = ""


@dataclass(slots=True)
class Count:
    """Sessions under one policy. `failures` sum up to the failed ones."""

    successes: int = 0
    failures: dict[Detail, int] = field(default_factory=dict)

    def fail(self, detail: Detail) -> None:
        if detail not in self.failures and len(self.failures) >= MAX_DETAILS:
            detail = Detail(result=detail.result)
        self.failures[detail] = self.failures.get(detail, 0) + 1


Policies = dict[Applied, Count]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of TLS towards one policy domain in one day."""

    day: date
    domain: str
    policies: Policies


class Ledger:
    """Only sessions are counted for which it is known what was asked of them: a policy was looked for beforehand."""

    def __init__(self) -> None:
        self._applied: dict[tuple[str, str], Applied] = {}
        self._days: dict[date, dict[str, Policies]] = {}

    def note(self, domain: str, host: str, applied: Applied) -> None:
        """The policy that the next connection to a host for the mail of a domain is held to."""
        self._applied.pop((domain, host), None)
        if len(self._applied) >= MAX_NOTES:
            del self._applied[next(iter(self._applied))]
        self._applied[domain, host] = applied

    def count(self, attempt: Attempt, domain: str, now: float) -> None:
        """What an attempt for a domain's mail, ended at `now` (POSIX seconds), says about TLS."""
        applied = self._applied.get((domain, attempt.path.mx_host or ""))
        if applied is None:
            return
        found = finding(attempt, applied)
        count = None if found is None else self._count(day_of(now), domain, applied)
        if count is None:
            return
        if isinstance(found, Flaw):
            count.fail(_detail(found, attempt))
        else:
            count.successes += 1

    def finished(self, now: float) -> list[Tally]:
        """The tallies of the days that are over, each given once."""
        over = sorted(day for day in self._days if day < day_of(now))
        return [Tally(day, domain, policies) for day in over for domain, policies in self._days.pop(day).items()]

    def _count(self, day: date, domain: str, applied: Applied) -> Count | None:
        """None: there is no room for it."""
        domains = self._days.setdefault(day, {})
        if domain not in domains and sum(map(len, self._days.values())) >= MAX_DOMAINS:
            return None
        policies = domains.setdefault(domain, {})
        if applied not in policies and len(policies) >= MAX_POLICIES:
            return None
        return policies.setdefault(applied, Count())


def day_of(now: float) -> date:
    """The day (UTC) of a POSIX time."""
    return datetime.fromtimestamp(now, UTC).date()


def _detail(flaw: Flaw, attempt: Attempt) -> Detail:
    path = attempt.path
    return Detail(
        result=flaw.result,
        source_ip=path.source_ip,
        mx_host=path.mx_host,
        remote_ip=path.remote_ip,
        text=flaw.text[:_TEXT],
    )
