"""The console put together: pages, API, static files, faults in words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from feedback.store import NewerStore, StoreAway
from worker.console import api, looks, pages
from worker.console.desk import Desk
from worker.console.door import COOKIE, Door
from worker.console.entry import NotSignedIn
from worker.console.headers import Guarded

YEAR = 31536000


class Files(StaticFiles):
    """Their address changes with their contents, so a browser may keep them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        answer.headers["cache-control"] = f"public, max-age={YEAR}, immutable"
        return answer


def application(desk: Desk, door: Door) -> FastAPI:
    """The console as an ASGI application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await desk.close()

    app = FastAPI(
        title="campaign-mta console",
        version="1",
        summary="What the console shows and does, for programs.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.desk, app.state.door, app.state.templates = desk, door, looks.environment()
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", Files(directory=looks.STATIC))
    app.add_middleware(Guarded)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(StoreAway, _store_away)
    app.add_exception_handler(NewerStore, _store_away)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    return app


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _not_signed_in(request: Request, _: Exception) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    again = wanted if request.method == "GET" else "/"
    return RedirectResponse("/sign-in?" + urlencode({"next": again}), 303)


async def _store_away(request: Request, fault: Exception) -> Response:
    text = f"The store cannot be used: {fault}"
    if _is_api(request):
        return JSONResponse({"detail": text}, 503, {"Retry-After": "5"})
    return _fault_page(
        request, 503, text + " Mail goes on as far as it can without it; this page looks again by itself."
    )


async def _refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    if _is_api(request):
        return await http_exception_handler(request, fault)
    said = "There is no such page." if fault.status_code == 404 and fault.detail == "Not Found" else str(fault.detail)
    return _fault_page(request, fault.status_code, said)


async def _unfit(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    if _is_api(request):
        return await request_validation_exception_handler(request, fault)
    return _fault_page(request, 400, "The address of this page is not complete, or not right.")


def _fault_page(request: Request, status: int, text: str) -> Response:
    session = request.app.state.door.session(request.cookies.get(COOKIE))
    told = {"title": HTTPStatus(status).phrase, "text": text, "status": status}
    return looks.show(request, "fault.html", session, told, status)
