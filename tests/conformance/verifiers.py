"""Three DKIM verifiers that nobody here wrote: dkimpy, OpenDKIM's library, and mailauth."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dkim

from tests import opendkim
from tests.services.npm import mailauth

Verify = Callable[[bytes], list[bool]]
"""What a verifier says of each signature of a message, in order."""

NAMES = ("dkimpy", "opendkim", "mailauth")


@contextmanager
def verifiers(records: Mapping[str, str], scratch: Path) -> Iterator[dict[str, Verify]]:
    """Each verifier by name. `records` are key records by name, without a final dot."""
    with mailauth(dict(records)) as running:
        yield {
            "dkimpy": lambda octets: _dkimpy(octets, records),
            "opendkim": lambda octets: opendkim.verify(octets, records, scratch),
            "mailauth": running.verify,
        }


def _dkimpy(octets: bytes, records: Mapping[str, str]) -> list[bool]:
    def record(name: bytes, timeout: float = 0) -> bytes | None:
        found = records.get(name.decode().removesuffix("."))
        return found.encode() if found else None

    count = len([name for name, _ in dkim.rfc822_parse(octets)[0] if name.lower() == b"dkim-signature"])
    results = []
    for index in range(count):
        try:
            results.append(dkim.DKIM(octets).verify(index, dnsfunc=record))
        except dkim.DKIMException:
            results.append(False)
    return results
