"""`campaign-mta dkim keygen | record | check`."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mta.envelope import Domain, a_form
from mta.routing.resolver import Resolver
from mta.signing.key import Key, KeyFile, load
from mta.signing.published import check as compare
from mta.signing.published import generate
from mta.signing.published import record as record_of
from worker.settings import BadSettings, Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which key: `path` None means the one the configuration names, else `DOMAIN.SELECTOR.pem` here."""

    domain: str
    selector: str
    path: Path | None


def keygen(settings: Settings, wanted: Wanted, *, ed25519: bool, json: bool) -> int:
    key = generate(_file(settings, wanted), ed25519=ed25519)
    if isinstance(key, str):
        return _refuse(key)
    if not json:
        print(
            f"key written to {_file(settings, wanted).path}; publish this record, then name the key under [[dkim]]:\n"
        )
    return _show(key, json)


def record(settings: Settings, wanted: Wanted, json: bool) -> int:
    key = load(_file(settings, wanted))
    return _refuse(key) if isinstance(key, str) else _show(key, json)


def check(settings: Settings, wanted: Wanted, json: bool) -> int:
    key = load(_file(settings, wanted))
    if isinstance(key, str):
        return _refuse(key)
    found = asyncio.run(compare(key, Resolver(settings.dns.nameservers)))
    if json:
        print(msgspec.json.encode({"faults": found.faults, "notes": found.notes}).decode())
    else:
        for text in (*found.faults, *found.notes):
            print(text)
        if not found.faults:
            print(f"{record_of(key).name} is published and matches the key")
    return 1 if found.faults else 0


def _file(settings: Settings, wanted: Wanted) -> KeyFile:
    match a_form(wanted.domain):
        case Domain(domain):
            pass
        case fault:
            raise BadSettings([f"DOMAIN {wanted.domain!r} {fault}"])
    for entry in settings.dkim:
        if wanted.path is None and (a_form(entry.domain), entry.selector) == (Domain(domain), wanted.selector):
            return KeyFile(domain, wanted.selector, entry.key_file)
    return KeyFile(domain, wanted.selector, wanted.path or Path(f"{domain}.{wanted.selector}.pem"))


def _show(key: Key, json: bool) -> int:
    made = record_of(key)
    print(
        msgspec.json.encode({"name": made.name, "type": "TXT", "text": made.text}).decode() if json else made.zone_line
    )
    return 0


def _refuse(text: str) -> int:
    print(text, file=sys.stderr)
    return 1
