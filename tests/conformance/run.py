"""One run of mails through the product to one server: from the octets a job carries to the octets that arrived."""

import asyncio
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Refused
from mta.envelope import Envelope
from mta.lane import Lane, Source
from mta.message import Draft, draft
from mta.routing.route import Host, Route
from mta.signing.key import Key
from mta.signing.signature import sign
from mta.smtp import Mail, Offers, Relay
from mta.smtp.pool import Pool
from mta.traffic.rule import Rule
from tests import keys
from tests.conformance.corpus import Specimen
from tests.conformance.same import difference, where
from tests.conformance.servers import Receiver, Server
from tests.conformance.verifiers import Verify
from tests.services.maildir import Arrived

NOW = 1_741_082_400.0
KEYS = (Key("sender.example", "rsa", keys.rsa()), Key("sender.example", "ed25519", keys.ed25519()))
RECORDS = dict(keys.record(key) for key in KEYS)
EXPECTED = tomllib.loads((Path(__file__).parent / "expected.toml").read_text())

_RULE = Rule(name="conformance", connections=4)


@dataclass(slots=True)
class Sent:
    """One mail on its way: what was composed for it, how often its dot left, and how it ended."""

    specimen: Specimen
    rcpt: str
    octets: bytes | None = None
    dots: int = 0
    refused: str | None = None
    attempt: Attempt | None = None


@dataclass(slots=True)
class Row:
    """What came of a run, in numbers of mails. `faults` says what is not as it should be."""

    server: str
    tls: bool
    mails: int = 0
    identical: int = 0
    verified: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    changed: int = 0
    connections: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


async def run(server: Server, pem: Path | None, mails: Sequence[Specimen], verify: Mapping[str, Verify]) -> Row:
    """Every mail to the server, and what arrived compared and verified."""
    with server.start(pem) as receiver:
        sent = await relayed(receiver, mails)
        carried = [each for each in sent if each.refused is None]
        arrived = await asyncio.to_thread(receiver.wait, len(carried), 120)
    row = Row(server.name, tls=pem is not None, mails=len(mails), verified=dict.fromkeys(verify, 0))
    wanted = expected(server)
    for each in sent:
        _judge_ending(row, each, wanted.get(each.specimen.name))
        if each.attempt is not None:
            tls = each.attempt.path.tls
            row.connections.add(tls.version if tls else "clear")
    _judge_connections(row, server)
    for each in carried:
        _judge_arrival(row, each, [mail for mail in arrived if _is_for(mail, each)], server, verify)
    return row


def expected(server: Server) -> dict[str, str]:
    """The mails that cannot be sent to a server, each with the reason."""
    wanted: dict[str, str] = dict(EXPECTED["anywhere"])
    if not server.smtputf8:
        wanted |= EXPECTED["without_smtputf8"]
    if not server.eightbitmime:
        wanted |= EXPECTED["without_8bitmime"]
    wanted |= EXPECTED["by_server"].get(server.software, {})
    return wanted


async def relayed(receiver: Receiver, mails: Sequence[Specimen]) -> list[Sent]:
    """Every mail tried once, several at the same time."""

    async def addresses(host: Host) -> tuple[str, ...]:
        return (host.name,)

    relay = Pool(addresses)
    hosts = (Host(receiver.host, receiver.port, configured=True),)
    try:
        sent = [Sent(mail, mail.rcpt.format(index)) for index, mail in enumerate(mails)]
        await asyncio.gather(*(_relay(relay, each, hosts) for each in sent))
        return sent
    finally:
        await relay.close()


async def _relay(relay: Relay, sent: Sent, hosts: tuple[Host, ...]) -> None:
    envelope = Envelope.of(sent.specimen.sender, sent.rcpt)
    message = draft(sent.specimen.content, job_id=sent.specimen.name, accepted_at=NOW)
    if isinstance(envelope, str):
        sent.refused = envelope
    elif isinstance(message, Broken):
        sent.refused = f"{message.trouble}: {message.text}"
    else:
        sent.rcpt = envelope.rcpt_to
        mail = Mail(
            envelope=replace(envelope, utf8_headers=message.utf8_headers),
            compose=lambda offers: _compose(sent, message, offers),
        )
        route = Route(site="receiver", domain=envelope.domain, hosts=hosts, static=True)
        lane = Lane(Source(pool="default", helo="mta.sender.example"), "receiver")
        sent.attempt = await relay.send(mail, lane, route, _RULE, lambda: _intend(sent))
        sent.refused = _ending(sent.attempt)


async def _compose(sent: Sent, message: Draft, offers: Offers) -> bytes | Broken:
    octets = message.octets(eightbitmime=offers.eightbitmime)
    if isinstance(octets, Broken):
        return octets
    sent.octets = await asyncio.to_thread(sign, octets, KEYS, NOW)
    return sent.octets


async def _intend(sent: Sent) -> bool:
    sent.dots += 1
    return True


def _ending(attempt: Attempt) -> str | None:
    match attempt.ending:
        case Delivered():
            return None
        case Refused(reply):
            return f"{attempt.phase}: {reply.line}"
        case Broken(trouble, text):
            return f"{trouble}: {text}"
        case Doubtful(text):
            return f"in doubt: {text}"


def _judge_ending(row: Row, sent: Sent, wanted: str | None) -> None:
    if sent.refused == wanted:
        row.refused += sent.refused is not None
    elif wanted is None:
        row.faults.append(f"{sent.specimen.name} was not sent: {sent.refused}")
    else:
        row.faults.append(f"{sent.specimen.name} should end in {wanted!r}, not in {sent.refused!r}")
    if sent.dots != (sent.refused is None):
        row.faults.append(f"{sent.specimen.name}: the final dot was announced {sent.dots} times")


def _judge_connections(row: Row, server: Server) -> None:
    encrypted = row.tls and not server.broken_tls
    if any((version != "clear") != encrypted for version in row.connections):
        row.faults.append(f"connections were {row.connections}")


def _judge_arrival(
    row: Row, sent: Sent, copies: Sequence[Arrived], server: Server, verify: Mapping[str, Verify]
) -> None:
    name = sent.specimen.name
    if len(copies) != 1:
        row.faults.append(f"{name} arrived {len(copies)} times")
        return
    arrived = copies[0]
    if arrived.sender != sent.specimen.sender:
        row.faults.append(f"{name} arrived from {arrived.sender!r}")
    if name in EXPECTED["changed_by"].get(server.software, {}) and arrived.message != sent.octets:
        row.changed += 1
        return
    if arrived.message != sent.octets:
        row.faults.append(f"{name}, as composed, {where(sent.octets or b'', arrived.message)}")
        return
    seven_bit = not server.eightbitmime
    if fault := difference(sent.specimen.content, arrived.message, signatures=len(KEYS), seven_bit=seven_bit):
        row.faults.append(f"{name} is another message: {fault}")
    else:
        row.identical += 1
    for verifier, results in verify.items():
        if results(arrived.message)[: len(KEYS)] == [True] * len(KEYS):
            row.verified[verifier] += 1
        else:
            row.faults.append(f"{name} does not verify with {verifier}")


def _is_for(arrived: Arrived, sent: Sent) -> bool:
    """Servers write a domain in A-form or not, and leave or take off quotes."""
    number = re.match(r'"?m\d+', sent.rcpt)
    assert number is not None
    return re.match(r'"?m\d+', arrived.rcpt) is not None and _plain(arrived.rcpt) == _plain(sent.rcpt)


def _plain(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return local, domain.encode("idna").decode() if not domain.isascii() else domain.lower()
