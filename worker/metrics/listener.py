"""The listener for those who watch: three pages over HTTP, by GET or HEAD, one a connection, in the worker's own loop.

`/metrics` has the numbers, as OpenMetrics or as the older text of Prometheus. `/healthz` answers 200 as long as the loop turns.
`/readyz` answers 200 while jobs are taken, else 503 with the reason.
"""

import asyncio
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from worker.metrics.health import Health

_log = structlog.get_logger("worker.metrics")

_PATIENCE = 5.0
"""Seconds that a request may take to arrive, and its answer to be taken."""

_LONGEST = 8192
"""Octets of a request at most."""

_AGAIN = 5.0
"""Seconds between two tries to listen."""

_TEXT = "text/plain; charset=utf-8"
_WORDS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    body: bytes
    kind: str = _TEXT


@dataclass(frozen=True, slots=True)
class Listener:
    """One process's. Mail never waits for it: while the address cannot be had, the worker works without."""

    host: str
    port: int
    registry: CollectorRegistry
    health: Health

    async def run(self) -> None:
        """Listen until cancelled."""
        refused = False
        while True:
            try:
                server = await asyncio.start_server(self._serve, self.host, self.port, limit=_LONGEST)
            except OSError as fault:
                if not refused:
                    _log.error("metrics_not_listening", host=self.host, port=self.port, fault=str(fault))
                refused = True
                await asyncio.sleep(_AGAIN)
                continue
            async with server:
                _log.info("metrics_listening", host=self.host, port=server.sockets[0].getsockname()[1])
                await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError):
            pass  # nobody we could answer
        finally:
            writer.close()

    def answer(self, request: bytes) -> bytes:
        """The whole response to a request's head."""
        line, _, rest = request.partition(b"\r\n")
        method, _, target = line.decode("latin-1").partition(" ")
        path = target.partition(" ")[0].partition("?")[0]
        page = self._page(path, rest.lower()) if method in ("GET", "HEAD") else Page(405, b"GET or HEAD\n")
        head = (
            f"HTTP/1.1 {page.status} {_WORDS[page.status]}\r\nContent-Type: {page.kind}\r\n"
            f"Content-Length: {len(page.body)}\r\nAllow: GET, HEAD\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + (b"" if method == "HEAD" else page.body)

    def _page(self, path: str, headers: bytes) -> Page:
        match path:
            case "/metrics":
                if b"application/openmetrics-text" in headers:
                    return Page(200, openmetrics.generate_latest(self.registry), openmetrics.CONTENT_TYPE_LATEST)
                return Page(200, generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4)
            case "/healthz":
                return Page(200, b"alive\n")
            case "/readyz":
                hindrance = self.health.hindrance
                return Page(200, b"ready\n") if hindrance is None else Page(503, f"{hindrance}\n".encode())
            case _:
                return Page(404, b"/metrics, /healthz or /readyz\n")
