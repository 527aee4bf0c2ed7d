"""The console's pages: the views that the API shows too, as HTML made by the server."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from feedback.qualifier.unknown import Decision
from worker.console.api import give
from worker.console.desk import Desk, Who
from worker.console.door import COOKIE, STAYS, VISIT, Door, Session, Turned
from worker.console.entry import AtDesk, AtDoor, Origin, PageSession
from worker.console.looks import show
from worker.console.order import STORABLE, WISHES, read
from worker.console.records import Search
from worker.console.views import chart, unknown
from worker.console.views.delivery import REASONS
from worker.console.views.lane import SiteRow
from worker.console.views.order import cancelled, concerning, orders
from worker.console.views.wording import STANDINGS

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)

PER_PAGE, LISTED, SITES = 50, 300, 100
"""Rows of a page of messages; deliveries and sites shown."""

Text = Annotated[str, Query(max_length=200, pattern=STORABLE)]
Name = Annotated[str, Query(max_length=1000, pattern=STORABLE)]


async def form(request: Request) -> FormData:
    """A form's fields; none of ours carries a file."""
    return await request.form(max_files=0, max_fields=20)


Form = Annotated[FormData, Depends(form)]


def acting(session: PageSession, door: AtDoor, fields: Form, origin: Origin) -> Who:
    """Somebody who has sent a form of ours."""
    if not door.form_holds(session.id, text(fields, "form_token")):
        raise HTTPException(
            403, "This form is too old, or not of this session. Go back, load the page anew, try again."
        )
    return Who(session.name, origin)


Actor = Annotated[Who, Depends(acting)]


def text(fields: FormData, name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) and "\0" not in value else ""


@router.get("/")
async def start() -> Response:
    return RedirectResponse("/deliveries", 303)


@router.get("/sign-in")
async def sign_in_form(request: Request, door: AtDoor, next: Name = "/") -> Response:
    return sign_in_page(request, next)


@router.post("/sign-in")
async def sign_in(request: Request, desk: AtDesk, door: AtDoor, fields: Form, origin: Origin) -> Response:
    next, name = text(fields, "next"), text(fields, "name").strip()
    visitor = door.visitor(request.cookies.get(VISIT))
    if visitor is None or not door.form_holds(visitor, text(fields, "form_token")):
        return sign_in_page(request, next, "The form was too old. Try again.", 400)
    if not 1 <= len(name) <= 64 or not name.isprintable():
        return sign_in_page(request, next, "Give your name, for the record of actions.", 400)
    match await door.admit(name, text(fields, "password"), origin):
        case Turned(wait) if wait:
            return sign_in_page(request, next, f"Too many wrong passwords. Try again in {wait / 60:.0f} min.", 429)
        case Turned():
            return sign_in_page(request, next, "That is not the password.", 401)
        case Session() as session:
            await desk.note(Who(name, origin), "sign in", "console")
            answer = RedirectResponse(local(next), 303)
            answer.set_cookie(COOKIE, door.cookie(session), max_age=STAYS, **_only_here(request))
            answer.delete_cookie(VISIT)
            return answer


def sign_in_page(request: Request, next: str, fault: str = "", status: int = 200) -> Response:
    door: Door = request.app.state.door
    visit = request.cookies.get(VISIT, "")
    if door.visitor(visit) is None:
        visit = door.visit()
    told = {"next": local(next), "fault": fault, "form_token": door.form_token(door.visitor(visit) or "")}
    answer = show(request, "sign_in.html", None, told, status)
    answer.set_cookie(VISIT, visit, max_age=3600, **_only_here(request))
    return answer


def _only_here(request: Request) -> dict[str, Any]:
    """No script reads the cookie, no other site's form sends it, and over TLS it stays there."""
    return {"httponly": True, "samesite": "lax", "secure": request.url.scheme == "https"}


def local(next: str) -> str:
    """A path of ours, whatever a link says."""
    sound = next.startswith("/") and not next.startswith(("//", "/\\")) and next.isprintable()
    return next if sound else "/deliveries"


@router.post("/sign-out")
async def sign_out(session: PageSession, door: AtDoor, desk: AtDesk, actor: Actor) -> Response:
    door.leave(session)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    await desk.note(actor, "sign out", "console")
    return answer


@router.get("/deliveries")
async def deliveries(request: Request, session: PageSession, desk: AtDesk) -> Response:
    rows = await desk.deliveries()
    return show(request, "deliveries.html", session, {"rows": rows[:LISTED], "more": len(rows) - LISTED})


@router.get("/delivery")
async def delivery(request: Request, session: PageSession, desk: AtDesk, id: Name) -> Response:
    page = await desk.delivery(id)
    if page is None:
        raise HTTPException(404, f"Nothing has been heard of a delivery {id}. Is the tracker running?")
    now = desk.now()
    told = {
        "page": page,
        "stack": chart.stack(page.bins, page.step, now),
        "bars": chart.bars(page.bins, page.step, now),
        "cancelled": cancelled(await desk.standing(), id),
    }
    return show(request, "delivery.html", session, told)


@router.get("/messages")
async def messages(
    request: Request,
    session: PageSession,
    desk: AtDesk,
    delivery: Name,
    standing: Text = "",
    reason: Text = "",
    domain: Name = "",
    after: Name = "",
) -> Response:
    search = Search(
        delivery_id=delivery,
        standings=tuple(one for one in standing.split(",") if one in STANDINGS) or None,
        reason=REASONS.get(reason),
        domain=domain or None,
        after=after,
        limit=PER_PAGE + 1,
    )
    rows = await desk.messages(search)
    chosen = {"delivery": delivery, "standing": standing, "reason": reason, "domain": domain}
    more = urlencode({**chosen, "after": rows[PER_PAGE - 1].job_id}) if len(rows) > PER_PAGE else None
    told = {"rows": rows[:PER_PAGE], "chosen": chosen, "more": more, "after": after, "reasons": REASONS}
    return show(request, "messages.html", session, told)


@router.get("/message")
async def message(request: Request, session: PageSession, desk: AtDesk, id: Name) -> Response:
    story = await desk.story(id)
    if story is None:
        raise HTTPException(404, f"No job {id} has been accepted. Is it still in the queue, or was it rejected?")
    return show(request, "message.html", session, {"story": story})


@router.get("/find")
async def find(request: Request, session: PageSession, desk: AtDesk, q: Name = "") -> Response:
    """A job by its id, a delivery or a site by its name, or the messages to an address."""
    wanted = q.strip()
    if wanted and await desk.story(wanted) is not None:
        return RedirectResponse("/message?" + urlencode({"id": wanted}), 303)
    if wanted and "@" not in wanted and await desk.delivery(wanted) is not None:
        return RedirectResponse("/delivery?" + urlencode({"id": wanted}), 303)
    if wanted and "@" not in wanted and await site_named(desk, wanted.lower()) is not None:
        return RedirectResponse("/site?" + urlencode({"name": wanted.lower()}), 303)
    rows = await desk.addressed(wanted) if wanted else []
    return show(request, "find.html", session, {"rows": rows, "q": wanted})


@router.get("/sites")
async def sites(request: Request, session: PageSession, desk: AtDesk) -> Response:
    known = await desk.sites()
    told = {"sites": known[:SITES], "more": len(known) - SITES}
    told |= {"orders": await desk.orders(), "changes": await desk.changes(None)}
    return show(request, "sites.html", session, told)


async def site_named(desk: Desk, name: str) -> SiteRow | None:
    return next((one for one in await desk.sites() if one.site == name), None)


@router.get("/site")
async def site(request: Request, session: PageSession, desk: AtDesk, name: Name) -> Response:
    found = await site_named(desk, name)
    if found is None:
        raise HTTPException(404, f"No mail has been sent to a site {name}.")
    changes = await desk.changes([lane.lane for lane in found.lanes])
    here = orders(concerning(found, await desk.standing(), desk.now()))
    return show(request, "site.html", session, {"site": found, "changes": changes, "orders": here})


@router.get("/workers")
async def workers(request: Request, session: PageSession, desk: AtDesk) -> Response:
    return show(request, "workers.html", session, {"rows": await desk.workers()})


@router.get("/unknown")
async def unknown_replies(request: Request, session: PageSession, desk: AtDesk) -> Response:
    told = {"rows": await desk.unknown(), "meanings": unknown.meanings()}
    return show(request, "unknown.html", session, told)


@router.post("/unknown")
async def decide(actor: Actor, desk: AtDesk, fields: Form) -> Response:
    decision = text(fields, "decision")
    if decision not in (Decision.KEEP, Decision.IGNORE):
        raise HTTPException(400, "Say keep or ignore.")
    if not await desk.decide(text(fields, "id"), Decision(decision), actor):
        raise HTTPException(404, "There is no such kind of reply any more.")
    return RedirectResponse("/unknown?" + urlencode({"done": decision}), 303)


@router.get("/actions")
async def actions(request: Request, session: PageSession, desk: AtDesk) -> Response:
    return show(request, "actions.html", session, {"rows": await desk.actions()})


@router.get("/order")
async def order_form(
    request: Request,
    session: PageSession,
    desk: AtDesk,
    what: Text,
    target: Name = "",
    pool: Name = "",
    matter: Text = "",
) -> Response:
    """Asks for the details, and whether it is meant."""
    if what not in WISHES:
        raise HTTPException(404, "There is no such order.")
    fields = {"delivery_id" if what == "cancel" else "target": target, "pool": pool, "matter": matter}
    present = await site_named(desk, target) if what == "override" else None
    return order_page(request, session, fields, {"what": what, "site": present})


@router.post("/order")
async def order(request: Request, session: PageSession, actor: Actor, desk: AtDesk, fields: Form) -> Response:
    what = text(fields, "what")
    if what not in WISHES:
        raise HTTPException(404, "There is no such order.")
    given = {name: text(fields, name) for name in fields if name not in ("what", "form_token", "back")}
    wish = read(what, given)
    if isinstance(wish, list):
        return order_page(request, session, given, {"what": what, "faults": wish})
    await give(desk, actor, wish)
    if what == "cancel":
        return RedirectResponse("/delivery?" + urlencode({"id": given["delivery_id"], "done": what}), 303)
    return RedirectResponse("/sites?" + urlencode({"done": f"end {given['matter']}" if what == "end" else what}), 303)


def order_page(request: Request, session: Session, fields: dict[str, str], about: dict[str, Any]) -> Response:
    """`about`: `what` is ordered, the `faults` of the form sent, the `site` whose present limits are shown."""
    told = {"faults": [], "site": None, "fields": fields, "pools": request.app.state.desk.pools, **about}
    return show(request, "order.html", session, told, 400 if told["faults"] else 200)
