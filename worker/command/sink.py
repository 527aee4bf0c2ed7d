"""`campaign-mta sink`."""

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import uvloop

from worker.command.scenario import scenario_of
from worker.settings import BadSettings
from worker.sink import Sink
from worker.sink import run as serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the sink listens and what it has there; `policy` makes it behave like a scenario's sites, whose events go to
    `audit`."""

    host: str
    port: int
    store: Path | None
    certificate: Path | None
    key: Path | None
    policy: Path | None = None
    audit: Path | None = None


def run(place: Place, json: bool) -> int:
    if place.policy is not None:
        return _run_policy(place, place.policy, json)
    if place.audit is not None:
        raise BadSettings(["--audit: only a --policy has events to write"])
    sink = Sink(host=place.host, port=place.port, store=place.store, tls=_tls(place))
    try:
        uvloop.run(serve(sink, json=json))
    except OSError as fault:
        print(f"the sink cannot listen on {place.host} port {place.port}, or keep mail: {fault}", file=sys.stderr)
        return 1
    return 0


def _run_policy(place: Place, policy: Path, json: bool) -> int:
    from worker.sink.audit import Audit
    from worker.sink.sites import Ground, run_sites

    scenario = scenario_of(policy, wave=False)
    ground = Ground(host=place.host, port=place.port, store=place.store, tls=_tls(place))
    try:
        with _opened(place.audit) as file:
            audit = Audit(file.write) if file else Audit()
            uvloop.run(run_sites(scenario, ground, audit, json=json))
    except (OSError, OverflowError) as fault:
        print(f"the sink cannot listen on {place.host} from port {place.port} on, or write: {fault}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIOWrapper | None]:
    if path is None:
        yield None
        return
    with path.open("a", encoding="utf-8", buffering=1) as file:
        yield file


def _tls(place: Place) -> ssl.SSLContext | None:
    if place.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(place.certificate, place.key)
    except (OSError, ssl.SSLError) as fault:
        raise BadSettings([f"--tls-cert {place.certificate}: {fault}"]) from None
    return context
