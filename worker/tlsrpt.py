"""TLS reports (RFC 8460): after each day (UTC), one for every domain that wants one by mail, queued as a send job.

Each worker reports what it saw itself, under a report-id of its own: a receiver adds them up. What was counted of a day is
lost when its worker ends before that day does; when the day is over, but its reports are not out yet, they go out first.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import structlog

from mta.envelope import Mailbox
from mta.routing.answer import Answer, Dns
from mta.tlsrpt.ledger import Ledger, Tally
from mta.tlsrpt.record import Wanted, parse_record
from mta.tlsrpt.report import Reporter, mail, report_key
from worker.outage import Outage
from worker.queue import Job, JobPublisher, QueueAway

_log = structlog.get_logger("worker.tlsrpt")

DELIVERY_ID = "tls-report"
_DAY = 86_400.0
_SPREAD = 4 * 3600.0
"""Seconds after midnight within which reports begin to go out, so that not all the world reports at once."""
_FAREWELL = 5.0
"""Seconds that a worker which ends may take for reports that are due."""


class TlsReports:
    """Asks for the wishes of the domains in the ledger, and publishes reports through `publisher`, opened for the while."""

    def __init__(
        self, ledger: Ledger, dns: Dns, publisher: JobPublisher, reporter: Reporter, clock: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._dns = dns
        self._publisher = publisher
        self._reporter = reporter
        self._clock = clock
        self._due: list[Tally] = []

    async def run(self, outage: Outage, rng: random.Random) -> None:
        """Report on every day that ends, until cancelled."""
        while True:
            await asyncio.sleep(until_report(self._clock(), rng))
            await outage.outlast(self.once)

    async def once(self) -> None:
        """Report on the days that are over. May raise `QueueAway`: what is not published yet is kept for the next time."""
        self._due += self._ledger.finished(self._clock())
        if not self._due:
            return
        try:
            await self._publisher.open()
            while self._due:
                await self._report(self._due[0])
                del self._due[0]
        finally:
            await self._publisher.close()

    async def close(self) -> None:
        """Report on the days that are over before the worker ends, if that is soon done."""
        try:
            async with asyncio.timeout(_FAREWELL):
                await self.once()
        except (QueueAway, TimeoutError):
            _log.warning("tls_reports_lost", domains=len(self._due))

    async def _report(self, tally: Tally) -> None:
        wanted = await self._wanted(tally.domain)
        if wanted is None:
            return
        if wanted.https:
            _log.info("tls_report_https_left_out", domain=tally.domain, rua=wanted.https)
        if wanted.mail:
            await self._publisher.publish([report_job(tally, self._reporter, to, self._clock()) for to in wanted.mail])
            _log.info("tls_report", domain=tally.domain, day=str(tally.day), to=[str(to) for to in wanted.mail])

    async def _wanted(self, domain: str) -> Wanted | None:
        found = await self._dns.query(f"_smtp._tls.{domain}", "TXT")
        if not isinstance(found, Answer):
            return None
        return parse_record(b"".join(each.strings).decode("ascii", "replace") for each in found.records)


def until_report(now: float, rng: random.Random) -> float:
    """Seconds from `now` until the reports on this day are begun."""
    return _DAY - now % _DAY + rng.uniform(0.0, _SPREAD)


def report_job(tally: Tally, reporter: Reporter, to: Mailbox, now: float) -> Job:
    """The send job of a report to one address. Its job_id depends on the reporter, the domain, the day and the address
    alone: published again, it is not sent again."""
    address = sha256(str(to).encode()).hexdigest()[:8]
    fields = {
        "job_id": f"{DELIVERY_ID}.{tally.day:%Y%m%d}.{report_key(tally, reporter)}.{address}",
        "delivery_id": DELIVERY_ID,
        "mail_from": str(reporter.mailbox),
        "rcpt_to": str(to),
        "priority": "bulk",
        "message": mail(tally, reporter, to, now).decode(),
        "expires_at": datetime.fromtimestamp(now + _DAY, UTC).isoformat(),
    }
    return Job(body=msgspec.json.encode(fields), routing_key=f"bulk.{to.domain}")
