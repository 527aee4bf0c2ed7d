"""A day's tally as a report: JSON (RFC 8460 section 4.4) in a mail (section 5.3)."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from mta.envelope import Mailbox
from mta.tlsrpt.applied import Applied
from mta.tlsrpt.ledger import Count, Detail, Tally

_UNFOLDED = SMTP.clone(max_line_length=998)
"""Folded at 78, the attachment's name would come in the pieces of RFC 2231, which few readers of reports put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who reports. `name` tells the workers of one organisation apart, each of which reports what it saw itself."""

    organisation: str
    contact: str
    mailbox: Mailbox
    name: str


def report_key(tally: Tally, reporter: Reporter) -> str:
    """16 hexadecimal digits that name this reporter's report on this domain and day."""
    named = f"{reporter.name}\0{tally.day.isoformat()}\0{tally.domain}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def report_id(tally: Tally, reporter: Reporter) -> str:
    return f"{tally.day.isoformat()}.{report_key(tally, reporter)}@{reporter.mailbox.domain}"


def report(tally: Tally, reporter: Reporter) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "organization-name": reporter.organisation,
        "date-range": {"start-datetime": f"{tally.day}T00:00:00Z", "end-datetime": f"{tally.day}T23:59:59Z"},
        "contact-info": reporter.contact,
        "report-id": report_id(tally, reporter),
        "policies": [_policy(tally.domain, applied, count) for applied, count in tally.policies.items()],
    }


def _policy(domain: str, applied: Applied, count: Count) -> dict[str, Any]:
    policy: dict[str, Any] = {"policy-type": applied.kind.value}
    if applied.lines:
        policy["policy-string"] = list(applied.lines)
    policy["policy-domain"] = domain
    if applied.mx:
        policy["mx-host"] = list(applied.mx)
    failed = sum(count.failures.values())
    summary = {"total-successful-session-count": count.successes, "total-failure-session-count": failed}
    told: dict[str, Any] = {"policy": policy, "summary": summary}
    if count.failures:
        told["failure-details"] = [_detail(detail, number) for detail, number in count.failures.items()]
    return told


def _detail(detail: Detail, sessions: int) -> dict[str, Any]:
    told = {
        "result-type": detail.result.value,
        "sending-mta-ip": detail.source_ip,
        "receiving-mx-hostname": detail.mx_host,
        "receiving-ip": detail.remote_ip,
        "failed-session-count": sessions,
        "failure-reason-code": detail.text,
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def mail(tally: Tally, reporter: Reporter, to: Mailbox, now: float) -> bytes:
    """The mail that carries the report to an address. The same arguments give the same octets."""
    identity = report_id(tally, reporter)
    made = EmailMessage(policy=SMTP)
    made["From"] = str(reporter.mailbox)
    made["To"] = str(to)
    made["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    made["Message-ID"] = f"<{identity}>"
    made["Subject"] = f"Report Domain: {tally.domain} Submitter: {reporter.mailbox.domain} Report-ID: <{identity}>"
    made["TLS-Report-Domain"] = tally.domain
    made["TLS-Report-Submitter"] = reporter.mailbox.domain
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_words(tally, reporter))
    made.add_attachment(_packed(tally, reporter), "application", "tlsrpt+gzip", filename=_filename(tally, reporter))
    made.set_type("multipart/report")
    made.set_param("report-type", "tlsrpt")
    made.set_boundary(f"=_{report_key(tally, reporter)}")
    return made.as_bytes(policy=_UNFOLDED)


def _words(tally: Tally, reporter: Reporter) -> str:
    return (
        f"This is an aggregate TLS report from {reporter.organisation} on mail for {tally.domain},\n"
        f"sent on {tally.day} (UTC). Questions: {reporter.contact}\n"
    )


def _packed(tally: Tally, reporter: Reporter) -> bytes:
    return gzip.compress(json.dumps(report(tally, reporter)).encode(), mtime=0)


def _filename(tally: Tally, reporter: Reporter) -> str:
    """As section 5.1 forms it."""
    begin = int(datetime.combine(tally.day, datetime.min.time(), UTC).timestamp())
    ends = f"{begin}!{begin + 86_399}"
    return f"{reporter.mailbox.domain}!{tally.domain}!{ends}!{report_key(tally, reporter)}.json.gz"
