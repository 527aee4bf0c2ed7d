"""The console's API: what the pages show, as JSON."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import Field

from feedback.qualifier.unknown import Decision
from worker.console.desk import Desk, Who
from worker.console.entry import ApiActor, ApiSession, AtDesk
from worker.console.order import STORABLE, Cancel, End, Limit, Suspend, Wish
from worker.console.records import Action, Search
from worker.console.views.delivery import DeliveryPage, DeliveryRow
from worker.console.views.lane import ChangeRow, SiteRow
from worker.console.views.message import MessageRow, Story
from worker.console.views.order import OrderRow
from worker.console.views.unknown import KindRow
from worker.console.views.worker import WorkerRow


@dataclass(frozen=True, slots=True)
class Fault:
    """What is the matter, in words."""

    detail: str


@dataclass(frozen=True, slots=True)
class Given:
    """An order that was given: what was done, about what, with which details."""

    what: str
    about: str
    detail: str


def _faults(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Fault} for code in codes}


ALWAYS = _faults(400, 401, 503)

router = APIRouter(prefix="/api", tags=["console"], responses=ALWAYS)

Id = Annotated[str, Query(min_length=1, max_length=200, pattern=STORABLE)]
Standing = Literal["accepted", "delayed", "sent", "failed", "cancelled"]


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, _: ApiSession) -> dict[str, Any]:
    described: dict[str, Any] = request.app.openapi()
    return described


@router.get("/deliveries")
async def deliveries(desk: AtDesk, _: ApiSession) -> list[DeliveryRow]:
    """All deliveries, those in flight first."""
    return await desk.deliveries()


@router.get("/delivery", responses=_faults(404))
async def delivery(desk: AtDesk, _: ApiSession, id: Id) -> DeliveryPage:
    """One delivery: its course, breakdowns and sites."""
    found = await desk.delivery(id)
    if found is None:
        raise HTTPException(404, "Nothing has been heard of this delivery.")
    return found


@router.get("/messages")
async def messages(
    desk: AtDesk,
    _: ApiSession,
    delivery: Id,
    standing: Annotated[list[Standing] | None, Query()] = None,
    reason: Annotated[int | None, Query(ge=0, le=1000)] = None,
    domain: Annotated[str | None, Query(max_length=255, pattern=STORABLE)] = None,
    after: Annotated[str, Query(max_length=200, pattern=STORABLE)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[MessageRow]:
    """A delivery's messages in the order of their job_ids; go on with `after` set to the last one."""
    standings = tuple(standing) if standing else None
    return await desk.messages(
        Search(delivery_id=delivery, standings=standings, reason=reason, domain=domain, after=after, limit=limit)
    )


@router.get("/message", responses=_faults(404))
async def message(desk: AtDesk, _: ApiSession, id: Id) -> Story:
    """One message's story, by its job_id."""
    found = await desk.story(id)
    if found is None:
        raise HTTPException(404, "No job of this id has been accepted.")
    return found


@router.get("/sites")
async def sites(desk: AtDesk, _: ApiSession) -> list[SiteRow]:
    """All sites that mail was sent to, with their lanes."""
    return await desk.sites()


@router.get("/changes")
async def changes(
    desk: AtDesk,
    _: ApiSession,
    lane: Annotated[list[Annotated[str, Field(pattern=STORABLE)]] | None, Query(max_length=100)] = None,
) -> list[ChangeRow]:
    """The last automatic changes, of these lanes or of all, the newest first."""
    return await desk.changes(lane)


@router.get("/workers")
async def workers(desk: AtDesk, _: ApiSession) -> list[WorkerRow]:
    """Worker processes that are signed on."""
    return await desk.workers()


@router.get("/unknown")
async def unknown(desk: AtDesk, _: ApiSession) -> list[KindRow]:
    """Kinds of replies that no rule knows, the most frequent first."""
    return await desk.unknown()


@router.post("/unknown/decision", responses=_faults(403, 404))
async def decide(
    desk: AtDesk,
    actor: ApiActor,
    id: Annotated[str, Query(min_length=1, max_length=64, pattern=STORABLE)],
    decision: Literal["keep", "ignore", "to_qualify"],
) -> Given:
    """Say of a kind of reply that its present meaning is right, or that it is not worth listing; or take that back."""
    if not await desk.decide(id, Decision(decision), actor):
        raise HTTPException(404, "There is no such kind of reply.")
    return Given(decision, id, "")


@router.get("/orders")
async def orders(desk: AtDesk, _: ApiSession) -> list[OrderRow]:
    """Suspensions and overrides in force, the newest first."""
    return await desk.orders()


@router.post("/orders/suspension", responses=_faults(403))
async def suspend(desk: AtDesk, actor: ApiActor, wish: Suspend) -> Given:
    """Suspend a site, domain or lane."""
    return await give(desk, actor, wish)


@router.post("/orders/override", responses=_faults(403))
async def override(desk: AtDesk, actor: ApiActor, wish: Limit) -> Given:
    """Fix limits for a while."""
    return await give(desk, actor, wish)


@router.post("/orders/ending", responses=_faults(403))
async def end(desk: AtDesk, actor: ApiActor, wish: End) -> Given:
    """End a suspension or an override."""
    return await give(desk, actor, wish)


@router.post("/orders/cancellation", responses=_faults(403))
async def cancel(desk: AtDesk, actor: ApiActor, wish: Cancel) -> Given:
    """Cancel a delivery."""
    return await give(desk, actor, wish)


@router.get("/actions")
async def actions(desk: AtDesk, _: ApiSession) -> list[Action]:
    """What was done at the console, the newest first."""
    return list(await desk.actions())


async def give(desk: Desk, who: Who, wish: Wish) -> Given:
    told = wish.told()
    await desk.give(wish.order(f"{who.name}@{who.origin}", desk.now()), who, told)
    return Given(*told)
