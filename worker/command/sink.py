"""`campaign-mta sink`."""

import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

import uvloop

from worker.settings import BadSettings
from worker.sink import Sink
from worker.sink import run as serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the sink listens and what it has there."""

    host: str
    port: int
    store: Path | None
    certificate: Path | None
    key: Path | None


def run(place: Place, json: bool) -> int:
    sink = Sink(host=place.host, port=place.port, store=place.store, tls=_tls(place))
    try:
        uvloop.run(serve(sink, json=json))
    except OSError as fault:
        print(f"the sink cannot listen on {place.host} port {place.port}, or keep mail: {fault}", file=sys.stderr)
        return 1
    return 0


def _tls(place: Place) -> ssl.SSLContext | None:
    if place.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(place.certificate, place.key)
    except (OSError, ssl.SSLError) as fault:
        raise BadSettings([f"--tls-cert {place.certificate}: {fault}"]) from None
    return context
