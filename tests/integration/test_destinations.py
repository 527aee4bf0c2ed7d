"""The places that tests deliver to, each against the same mails sent by the standard library's client."""

import asyncio
import re
import smtplib
from pathlib import Path

from tests.services.postfix import Postfix, smtp_sink
from worker.sink import Sink

MAILS = sorted((Path(__file__).parents[1] / "mails").glob("*.eml"))
SENDER, RCPT = "bounce@riverside.example", "Reader+1@Receiver.example"


def octets(path: Path) -> bytes:
    """A mail with CRLF line ends, the last one included."""
    whole = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def send(host: str, port: int, mails: list[bytes]) -> None:
    with smtplib.SMTP(host, port, "client.example") as client:
        for mail in mails:
            client.sendmail(SENDER, [RCPT], mail, mail_options=["BODY=8BITMIME", "SMTPUTF8"])


async def test_the_sink_keeps_every_mail_as_it_was_sent() -> None:
    mails = [octets(path) for path in MAILS]
    async with Sink(keep=True) as sink:
        await asyncio.to_thread(send, sink.host, sink.port, mails)
    assert [mail.content for mail in sink.mails] == mails
    assert {(mail.sender, mail.rcpts, mail.body, mail.smtputf8) for mail in sink.mails} == {
        (SENDER, (RCPT,), "8BITMIME", True)
    }
    assert sink.taken == {RCPT: len(mails)}


def test_postfix_delivers_every_mail_as_it_was_sent(postfix: Postfix) -> None:
    mails = [octets(path) for path in MAILS]
    send(postfix.host, postfix.port, mails)
    arrived = postfix.wait(len(mails))
    assert {(mail.sender, mail.rcpt) for mail in arrived} == {(SENDER, RCPT)}
    assert sorted(mail.message for mail in arrived) == sorted(mails)


def test_smtp_sink_refuses_what_it_is_told_to() -> None:
    with smtp_sink("-f", "RCPT") as sink, smtplib.SMTP(sink.host, sink.port) as client:
        client.helo("client.example")
        assert client.mail(SENDER)[0] == 250
        assert client.rcpt(RCPT)[0] == 500


def test_the_newsletter_is_what_it_is_said_to_be() -> None:
    newsletter = octets(next(path for path in MAILS if path.name == "newsletter.eml"))
    lines = newsletter.split(b"\r\n")
    assert max(map(len, lines)) == 998
    assert any(line.startswith(b".") for line in lines)
    assert not newsletter.isascii()
    assert newsletter.partition(b"\r\n\r\n")[0].isascii()
    assert {b"quoted-printable", b"8bit", b"base64"} == set(
        re.findall(rb"Content-Transfer-Encoding: (\S+)", newsletter)
    )
