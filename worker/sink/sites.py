"""The listeners of a policy's sites, and the process around them."""

import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from worker.simulation.scenario import Scenario
from worker.sink.audit import Audit
from worker.sink.policy import CommonPort, OwnPort, sites_of
from worker.sink.sink import Sink, until_told


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where the sites listen, and what they have there. Port 0: free ports; else this one for all sites, and one after the
    other behind it for each."""

    host: str = "127.0.0.1"
    port: int = 0
    store: Path | None = None
    tls: ssl.SSLContext | None = None


class Sites:
    """The sites of a scenario for as long as the `async with` lasts. `port` is the common one, `ports` has each site's."""

    def __init__(self, scenario: Scenario, ground: Ground, audit: Audit) -> None:
        self._scenario = scenario
        self._ground = ground
        self._audit = audit
        self._stack = AsyncExitStack()
        self.ports: dict[str, int] = {}
        self.port = ground.port

    async def __aenter__(self) -> Self:
        """Listen; `OSError` when a port is not to be had or the store cannot be made."""
        sites = sites_of(self._scenario, self._audit, time.monotonic())
        async with AsyncExitStack() as stack:
            least = min(site.entry.latency for site in sites)
            common = await stack.enter_async_context(
                Sink(**self._place(0), behaviour=CommonPort(sites, least), latency=least)
            )
            self.port = common.port
            for number, site in enumerate(sites, 1):
                sink = Sink(**self._place(number), behaviour=OwnPort(site), latency=site.entry.latency)
                self.ports[site.name] = (await stack.enter_async_context(sink)).port
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _place(self, number: int) -> dict[str, Any]:
        ground = self._ground
        port = ground.port + number if ground.port else 0
        return {"host": ground.host, "port": port, "store": ground.store, "tls": ground.tls}


def _say(line: str) -> None:
    print(line, flush=True)


async def run_sites(
    scenario: Scenario, ground: Ground, audit: Audit, *, json: bool = False, say: Callable[[str], None] = _say
) -> None:
    """Be these sites until SIGTERM or SIGINT; then say what they counted. Raises `OSError` as entering does."""
    stop = until_told()
    async with Sites(scenario, ground, audit) as sites:
        if json:
            first = {"host": ground.host, "port": sites.port, "sites": sites.ports}
            say(msgspec.json.encode(first).decode())
        else:
            say(f"listening on {ground.host} port {sites.port} for all sites")
            for name, port in sites.ports.items():
                say(f"  {name}: port {port}")
        await stop.wait()
    if json:
        say(msgspec.json.encode(audit.as_json()).decode())
        return
    for name, counts in audit.as_json()["sites"].items():
        say(f"{name}: {_summary(counts)}")


def _summary(counts: dict[str, Any]) -> str:
    peak = max(counts["peak_connections"].values(), default=0)
    return (
        f"{counts['taken']:,} taken of {counts['attempts']:,} attempts, {counts['throttled']:,} throttled; at most "
        f"{peak} connections from one client, {counts['peak_per_second']} messages in a second, "
        f"{counts['peak_per_minute']} in a minute"
    )
