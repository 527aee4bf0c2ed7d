"""`campaign-mta sink`."""

import asyncio
import sys
from pathlib import Path

from worker.sink import Sink
from worker.sink import run as serve


def run(host: str, port: int, policy: Path | None, store: Path | None, json: bool) -> int:
    try:
        asyncio.run(serve(Sink(host=host, port=port, store=store), json=json))
    except OSError as fault:
        print(f"the sink cannot listen on {host} port {port}, or keep mail in {store}: {fault}", file=sys.stderr)
        return 1
    return 0
