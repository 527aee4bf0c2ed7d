"""One question to one nameserver in one datagram, which settles most look-ups (RFC 1035 sections 4.1 and 4.2.1).

Of the answer only what was asked for is read. Whatever is not as plain as that (aliases, errors, an answer too long for a
datagram, none at all) is for whoever asks in earnest: every new domain is looked up three times, and to write and read whole
messages takes three times the CPU.
"""

import asyncio
import socket
import struct
from secrets import randbits
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire
from dns.rdtypes.ANY.SOA import SOA

from mta.routing.answer import MAX_RECORDS, Answer

PAYLOAD = 1232
"""Octets of an answer that pass everywhere unfragmented."""

Server = tuple[str, int]
"""A nameserver's address and port."""

_HEADER, _KIND = struct.Struct("!HHHHHH"), struct.Struct("!HH")
_RECORD = "!HHIH"
_LONGEST = 65535
_EDNS = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, PAYLOAD, 0, 0)  # RFC 6891 section 6.1.2
FLAGS = dns.flags.RD | dns.flags.AD  # AD in a query: the answer may carry it (RFC 6840 section 5.7)
_PLAIN = dns.flags.QR | 0x7800 | dns.flags.TC | 0x000F  # with operation and response code


async def ask(server: Server, name: str, kind: str, patience: float) -> Answer | None:
    """The records of type `kind` of an absolute name; None: not to be had this way within `patience` seconds."""
    try:
        question = write(randbits(16), name, kind)
        octets = await _exchange(server, question, patience)
        return read(octets, question)
    except (OSError, dns.exception.DNSException):  # TimeoutError is an OSError
        return None


def write(number: int, name: str, kind: str) -> bytes:
    """A query.

    Raises:
        dns.exception.DNSException: there can be no such name or type.
    """
    header = _HEADER.pack(number, FLAGS, 1, 0, 0, 1)
    owner = dns.name.from_text(name).to_wire()
    assert owner is not None  # it goes nowhere else
    return header + owner + _KIND.pack(dns.rdatatype.from_text(kind), dns.rdataclass.IN) + _EDNS


def read(octets: bytes, query: bytes) -> Answer | None:
    """What a response says to a query of ours, if it is plain: records of that name and type, or that there are none.

    Raises:
        dns.exception.DNSException: it is malformed.
    """
    parser = dns.wire.Parser(octets)
    number, flags, questions, answers, authorities, _ = parser.get_struct(_HEADER.format)
    question = query[_HEADER.size : -len(_EDNS)]
    if number != int.from_bytes(query[:2]) or flags & _PLAIN != dns.flags.QR or questions != 1:
        return None
    if parser.get_bytes(len(question)) != question:
        return None
    authentic = bool(flags & dns.flags.AD)
    if not answers:
        ttl = _lacking(parser, authorities)
        return None if ttl is None else Answer((), ttl, authentic)
    owner, (kind, _) = dns.name.from_wire(question, 0)[0], _KIND.unpack_from(question, len(question) - _KIND.size)
    records = [_record(parser) for _ in range(min(answers, MAX_RECORDS))]
    if any(record.owner != owner or record.kind != kind for record in records):
        return None
    return Answer(tuple(record.rdata for record in records), min(record.ttl for record in records), authentic)


class _Record(NamedTuple):
    owner: dns.name.Name
    kind: int
    ttl: int
    rdata: dns.rdata.Rdata


def _record(parser: dns.wire.Parser) -> _Record:
    owner = dns.name.from_wire_parser(parser)
    kind, category, ttl, size = parser.get_struct(_RECORD)
    with parser.restrict_to(size):
        return _Record(owner, kind, ttl, dns.rdata.from_wire_parser(category, kind, parser))


def _lacking(parser: dns.wire.Parser, authorities: int) -> float | None:
    """How long it may be believed that a name has no such records; None: without the zone's word on that it may be a
    referral (RFC 2308 sections 2.2 and 5)."""
    for _ in range(authorities):
        record = _record(parser)
        if isinstance(record.rdata, SOA):
            return min(record.ttl, record.rdata.minimum)
    return None


async def _exchange(server: Server, query: bytes, patience: float) -> bytes:
    """A port of its own for each question makes answers of others hard to forge (RFC 5452 section 9.2)."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        end.connect(server)
        end.send(query)
        async with asyncio.timeout(patience):
            return await asyncio.get_running_loop().sock_recv(end, _LONGEST)
