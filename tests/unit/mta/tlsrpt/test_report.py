"""The report, field by field as RFC 8460 forms it, and the mail that carries it; the record that asks for it."""

import gzip
import json
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from mta.envelope import Mailbox
from mta.tlsrpt.applied import NOTHING, Applied, Kind, Result
from mta.tlsrpt.ledger import Count, Detail, Tally
from mta.tlsrpt.record import Wanted, parse_record
from mta.tlsrpt.report import Reporter, mail, report, report_id

LINES = ("version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400")
EXPIRED = Detail(
    result=Result.CERTIFICATE_EXPIRED,
    source_ip="2001:db8:abcd:0012::1",
    mx_host="mx1.mail.company-y.example",
    remote_ip="192.0.2.9",
    text="certificate has expired",
)
MISSING = Detail(result=Result.STARTTLS_NOT_SUPPORTED, source_ip="2001:db8:abcd:0013::1")
TALLY = Tally(
    date(2016, 4, 1),
    "company-y.example",
    {
        Applied(Kind.STS, LINES, ("*.mail.company-y.example",)): Count(5326, {EXPIRED: 100, MISSING: 203}),
        NOTHING: Count(7),
    },
)
REPORTER = Reporter(
    organisation="Company-X",
    contact="sts-reporting@company-x.example",
    mailbox=Mailbox("tlsrpt", "company-x.example"),
    name="worker-1",
)
TO = Mailbox("reports", "company-y.example")


def test_a_report_has_the_fields_of_section_4_4() -> None:
    assert report(TALLY, REPORTER) == {
        "organization-name": "Company-X",
        "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
        "contact-info": "sts-reporting@company-x.example",
        "report-id": report_id(TALLY, REPORTER),
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": list(LINES),
                    "policy-domain": "company-y.example",
                    "mx-host": ["*.mail.company-y.example"],
                },
                "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "2001:db8:abcd:0012::1",
                        "receiving-mx-hostname": "mx1.mail.company-y.example",
                        "receiving-ip": "192.0.2.9",
                        "failed-session-count": 100,
                        "failure-reason-code": "certificate has expired",
                    },
                    {
                        "result-type": "starttls-not-supported",
                        "sending-mta-ip": "2001:db8:abcd:0013::1",
                        "failed-session-count": 203,
                    },
                ],
            },
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": "company-y.example"},
                "summary": {"total-successful-session-count": 7, "total-failure-session-count": 0},
            },
        ],
    }


def test_the_mail_is_as_section_5_3_has_it() -> None:
    now = datetime(2016, 4, 2, 1, tzinfo=UTC).timestamp()
    octets = mail(TALLY, REPORTER, TO, now)
    read = message_from_bytes(octets, policy=default)
    identity = report_id(TALLY, REPORTER)
    assert not read.defects
    assert read.get_content_type() == "multipart/report"
    assert read["Content-Type"].params["report-type"] == "tlsrpt"
    assert read["Subject"] == f"Report Domain: company-y.example Submitter: company-x.example Report-ID: <{identity}>"
    assert read["TLS-Report-Domain"] == "company-y.example"
    assert read["TLS-Report-Submitter"] == "company-x.example"
    assert (read["From"], read["To"]) == ("tlsrpt@company-x.example", "reports@company-y.example")
    assert read["Date"].datetime.timestamp() == now
    words, attached = read.iter_parts()
    assert words.get_content_type() == "text/plain"
    assert "Company-X" in words.get_content()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    begin = int(datetime(2016, 4, 1, tzinfo=UTC).timestamp())
    unique = identity.partition("@")[0].rpartition(".")[2]
    name = f"company-x.example!company-y.example!{begin}!{begin + 86_399}!{unique}.json.gz"
    assert attached.get_filename() == name
    assert f'filename="{name}"'.encode() in octets  # whole, and not in the pieces of RFC 2231
    assert json.loads(gzip.decompress(attached.get_content())) == report(TALLY, REPORTER)
    assert max(map(len, octets.split(b"\r\n"))) < 998


def test_the_same_report_gives_the_same_octets_and_another_worker_another_id() -> None:
    other = Reporter(
        organisation=REPORTER.organisation, contact=REPORTER.contact, mailbox=REPORTER.mailbox, name="worker-2"
    )
    assert mail(TALLY, REPORTER, TO, 1.0) == mail(TALLY, REPORTER, TO, 1.0)
    assert report_id(TALLY, REPORTER) != report_id(TALLY, other)


A = Mailbox("a", "x.example")


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["v=TLSRPTv1;rua=mailto:a@x.example"], Wanted((A,), ())),
        (["v=TLSRPTv1; rua=mailto:a@x.example;"], Wanted((A,), ())),
        (["v=TLSRPTv1; ext=1; rua=MAILTO:a@X.example?subject=x , mailto:a@x.example"], Wanted((A,), ())),
        (
            ["v=TLSRPTv1; rua=https://r.example/v1,mailto:%22b%2Cc%22@y.example"],
            Wanted((Mailbox('"b,c"', "y.example"),), ("https://r.example/v1",)),
        ),
        (["v=spf1 -all", "v=TLSRPTv1;rua=https://r.example"], Wanted((), ("https://r.example",))),
        ([], None),
        (["v=TLSRPTv1"], None),
        (["v=TLSRPTv1; rua="], None),
        (["v=TLSRPTv1; rua=ftp://x.example, mailto:nobody, mailto:a@[192.0.2.1]"], None),
        (["v=TLSRPTv10; rua=mailto:a@x.example"], None),
        (["v=TLSRPTv1; rua=mailto:a%0D%0A@x.example"], None),
        (["v=TLSRPTv1; rua=mailto:%C3%BC@x.example"], None),
        (["v=TLSRPTv1; rua=mailto:a@x.example", "v=TLSRPTv1; rua=mailto:d@x.example"], None),
    ],
)
def test_a_record_says_where_reports_go(texts: list[str], wanted: Wanted | None) -> None:
    assert parse_record(texts) == wanted
