"""Who makes a request: dependencies of every route that is not the sign-in itself."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from worker.console.desk import Desk, Who
from worker.console.door import COOKIE, Door, Session

_bearer = HTTPBearer(auto_error=False, description="The token of the settings, for programs.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A session, for people who are signed in.")


class NotSignedIn(Exception):
    """A page was asked for by nobody we know."""


def desk(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


def door(request: Request) -> Door:
    found: Door = request.app.state.door
    return found


def origin(request: Request) -> str:
    """The address a request comes from."""
    return request.client.host if request.client else "unknown"


AtDesk = Annotated[Desk, Depends(desk)]
AtDoor = Annotated[Door, Depends(door)]
Origin = Annotated[str, Depends(origin)]


def page_session(request: Request, door: AtDoor) -> Session:
    session = door.session(request.cookies.get(COOKIE))
    if session is None:
        raise NotSignedIn
    return session


def api_session(
    door: AtDoor,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Session:
    session = door.session(cookie) if bearer is None else door.bearer(bearer.credentials)
    if session is None:
        raise HTTPException(401, "Sign in, or send the token.", {"WWW-Authenticate": "Bearer"})
    return session


PageSession = Annotated[Session, Depends(page_session)]
ApiSession = Annotated[Session, Depends(api_session)]


def api_actor(request: Request, session: ApiSession, door: AtDoor, origin: Origin) -> Who:
    """Somebody who may act. Whoever comes with a cookie must show that the request is meant: header X-Form-Token."""
    if session.id and not door.form_holds(session.id, request.headers.get("x-form-token", "")):
        raise HTTPException(403, "The header X-Form-Token is missing or not of this session.")
    return Who(session.name, origin)


ApiActor = Annotated[Who, Depends(api_actor)]
