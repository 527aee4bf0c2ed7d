"""Fetches MTA-STS policies over HTTPS as RFC 8461 section 3.3 wants it: authentic, small, soon, and without detours."""

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import Awaitable, Callable

from mta.routing.route import Host, NoRoute
from mta.routing.sts import Unfetched

MAX_SIZE = 64 * 1024
TIMEOUT = 60.0
"""Octets, and seconds for the whole of it."""
_STEP = 10.0  # seconds for each wait on the socket

Addresses = Callable[[Host], Awaitable[tuple[str, ...] | NoRoute]]


class PolicyFetch:
    """Callable with a domain; see `mta.routing.sts.Fetch`.

    `addresses` applies the address policy: an MTA-STS host may not point into anybody's own network either. `context`
    must verify certificates.
    """

    def __init__(self, addresses: Addresses, context: ssl.SSLContext, port: int = 443) -> None:
        self._addresses = addresses
        self._context = context
        self._port = port

    async def __call__(self, domain: str) -> str | Unfetched:
        name = f"mta-sts.{domain}"
        found = await self._addresses(Host(name, self._port))
        if isinstance(found, NoRoute):
            return Unfetched(found.text)
        opened: list[socket.socket] = []
        try:
            async with asyncio.timeout(TIMEOUT):
                return await asyncio.to_thread(self._get, name, found[0], opened)
        except TimeoutError:
            return Unfetched(f"{name} did not answer in time")
        finally:
            for each in opened:  # a server that drips must not hold the thread when its caller has gone
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _get(self, name: str, address: str, opened: list[socket.socket]) -> str | Unfetched:
        connection = http.client.HTTPSConnection(name, self._port, context=self._context)
        try:
            plain = socket.create_connection((address, self._port), _STEP)
            secure = self._context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
            connection.sock = secure
            opened.append(secure)
            secure.do_handshake()
            connection.request("GET", "/.well-known/mta-sts.txt", headers={"Connection": "close"})
            return _read(name, connection.getresponse())
        except ssl.SSLCertVerificationError as error:
            return Unfetched(f"the certificate of {name} is not authentic: {error.verify_message}", untrusted=True)
        except (OSError, http.client.HTTPException) as error:
            return Unfetched(f"{name} gave no policy: {error}")
        finally:
            connection.close()


def _read(name: str, response: http.client.HTTPResponse) -> str | Unfetched:
    if response.status != 200:  # redirects are not followed
        return Unfetched(f"{name} answered {response.status}")
    kind = response.headers.get_content_type()
    if kind != "text/plain":
        return Unfetched(f"{name} sent {kind}, where text/plain is wanted")
    content = response.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        return Unfetched(f"the policy of {name} is over {MAX_SIZE // 1024} KiB")
    if response.length:
        return Unfetched(f"{name} gave no policy: it hung up in the middle")
    return content.decode("utf-8", "replace")
