"""The whole run: every server, with and without TLS, every mail. Prints the table and keeps it in build/conformance.json.

`python -m tests.conformance [NAME ...]` runs against the servers named only.
"""

import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from tests.conformance.corpus import corpus
from tests.conformance.run import RECORDS, Row, run
from tests.conformance.servers import SERVERS, certificate
from tests.conformance.verifiers import NAMES, verifiers

RESULT = Path(__file__).parents[2] / "build" / "conformance.json"

_TITLES = ("server", "TLS", "mails", "sent", "identical", *NAMES, "refused", "changed", "faults")


async def whole(names: list[str]) -> list[Row]:
    mails = corpus()
    rows = []
    with tempfile.TemporaryDirectory() as folder, verifiers(RECORDS, Path(folder)) as known:
        # The same octets arrive at many servers; what a verifier says of them depends on nothing else.
        verify = {name: lru_cache(maxsize=None)(each) for name, each in known.items()}
        pem = certificate(Path(folder))
        for server in SERVERS:
            for tls in (None, pem) if not names or server.name in names else ():
                rows.append(await run(server, tls, mails, verify))
                print("\t".join(_cells(rows[-1])), file=sys.stderr)
    return rows


def table(rows: list[Row]) -> str:
    lines = [list(_TITLES), *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cells(row: Row) -> list[str]:
    offered = "offered" if row.tls else "no"
    tls = "/".join(sorted(row.connections)) if row.tls else "no"
    verified = [str(row.verified[name]) for name in NAMES]
    sent = row.mails - row.refused
    return [
        row.server,
        tls if tls != "clear" else f"{offered}, broken",
        str(row.mails),
        str(sent),
        str(row.identical),
        *verified,
        str(row.refused),
        str(row.changed),
        str(len(row.faults)),
    ]


def main() -> int:
    rows = asyncio.run(whole(sys.argv[1:]))
    print(table(rows))
    faults = [f"{row.server}{' with TLS' if row.tls else ''}: {fault}" for row in rows for fault in row.faults]
    print("\n".join(faults))
    RESULT.parent.mkdir(exist_ok=True)
    kept = [asdict(row) | {"connections": sorted(row.connections)} for row in rows]
    RESULT.write_text(json.dumps({"rows": kept}, indent=1))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
