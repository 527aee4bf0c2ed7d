"""How pages are made: the templates, what they may say, and the files they need."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from worker.console.door import Session
from worker.console.views import wording

HERE = Path(__file__).parent
STATIC = HERE / "static"

DONE = {
    "suspend": "Suspended. Every worker knows within two seconds.",
    "override": "The limits are fixed. Every worker knows within two seconds.",
    "end suspension": "Resumed. Every worker knows within two seconds; what was put aside goes out within minutes.",
    "end override": "The override is ended: the pace has its say again.",
    "cancel": "Cancelled. What has not been sent yet ends as cancelled within seconds.",
    "keep": "Kept: the present meaning is right.",
    "ignore": "Ignored: it is not listed again.",
}
"""What an action's page says when it is done."""


def _url(path: str, **query: object) -> str:
    return f"{path}?{urlencode({name: value for name, value in query.items() if value not in (None, '')})}"


def _version() -> str:
    """A word that changes with the static files, so that browsers may keep them for long."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(STATIC.iterdir()))).hexdigest()[:12]


def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (wording.count, wording.share, wording.lasting, wording.milliseconds, wording.pace, wording.iso):
        made.filters[word.__name__] = word
    made.filters |= {"clock": wording.clock, "words": wording.words}
    made.globals |= {"url": _url, "STANDINGS": wording.STANDINGS, "version": _version()}
    return made


def show(
    request: Request, template: str, session: Session | None, told: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """A page."""
    state = request.app.state
    always = {
        "session": session,
        "token": state.door.form_token(session.id) if session else "",
        "now": state.desk.now(),
        "path": request.url.path,
        "what": "",
        "done": DONE.get(request.query_params.get("done", "")),
    }
    return HTMLResponse(state.templates.get_template(template).render({**always, **told}), status)
