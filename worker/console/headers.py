"""Headers that every answer carries, and the refusal of requests that another site's page has made."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`, which would make browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

LARGEST = 64 * 1024
"""Octets of a request's body."""

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


class Guarded:
    """The application behind these headers. A page of ours may be kept by nobody: what it shows is for those signed in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sending = _dressing(scope, send)
        refusal = None if scope["method"] in SAFE else refused(Headers(scope=scope))
        await (refusal or self._app)(scope, receive, sending)


def refused(headers: Headers) -> PlainTextResponse | None:
    """The answer to a request that is not even looked at: made by another site's page, or larger than any form of ours."""
    if foreign(headers):
        return PlainTextResponse("This request came from a page of another site.\n", 403)
    if "transfer-encoding" in headers:
        return PlainTextResponse("Say how long the request is.\n", 411)
    if int(headers.get("content-length", "0")) > LARGEST:
        return PlainTextResponse(f"A request has {LARGEST} octets at most.\n", 413)
    return None


def foreign(headers: Headers) -> bool:
    """Whether a browser says that another site's page makes the request. Programs say nothing of the kind."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _dressing(scope: Scope, send: Send) -> Callable[[Message], Awaitable[None]]:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
            if scope["scheme"] == "https":
                headers["strict-transport-security"] = "max-age=31536000"
        await send(message)

    return dressed
