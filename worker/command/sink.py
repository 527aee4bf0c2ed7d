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
        return _told(fault)
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
        return _told(fault)
    return 0


def _told(fault: OSError | OverflowError) -> int:
    """Say what is wrong: a fault of a file has its name, one of an address has none. The exit code."""
    if isinstance(fault, OSError) and fault.filename:
        print(f"{fault.filename}: {fault.strerror}; see --store and --audit", file=sys.stderr)
    else:
        why = fault.strerror if isinstance(fault, OSError) else fault
        print(f"the sink cannot listen: {why}; give another --host or --port", file=sys.stderr)
    return 1


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
    except ssl.SSLError:
        raise BadSettings([f"--tls-cert {place.certificate}: no certificate with its key in PEM"]) from None
    except OSError as fault:
        raise BadSettings([f"--tls-cert {place.certificate}: {fault.strerror}"]) from None
    return context
