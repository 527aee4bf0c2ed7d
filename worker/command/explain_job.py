"""`campaign-mta explain job`: the story of one message."""

import asyncio
import random
import sys
import time
from dataclasses import replace
from typing import Any

import msgspec

from feedback.event import timestamp
from feedback.log.story import Hold, KeptAttempt, read_attempts, read_holds
from feedback.store import StoreAway
from worker import adapters, outside
from worker.command.away import say_away
from worker.command.in_force import concerning, sentences
from worker.command.site import ceilings, site_behind
from worker.console.hearing import closures, hear
from worker.console.records import Records
from worker.console.views import lane, message
from worker.orders.order import Order
from worker.orders.story import told as order_told
from worker.settings import Settings

Known = tuple[message.Heard, message.Story, list[Order]]


def run(settings: Settings, job_id: str, json: bool) -> int:
    try:
        known = asyncio.run(_learn(settings, job_id))
    except StoreAway as fault:
        return say_away(fault)
    if known is None:
        print(f"no job {job_id} has been accepted; is it still in the queue, or was it rejected?", file=sys.stderr)
        return 1
    heard, story, orders = known
    if json:
        told = _told(heard, story) | {"orders": list(map(order_told, orders))}
        print(msgspec.json.encode(told).decode())
    else:
        print("\n".join([*_story(story, heard), *sentences(orders)]))
    return 0


async def _learn(settings: Settings, job_id: str) -> Known | None:
    """What is known of a job, and, before its end, what is in its way."""
    async with adapters.opened(adapters.records(settings)) as records:
        heard = await hear(records, job_id)
        if heard is None:
            return None
        story = message.story(heard, time.time())
        if story.final:
            return heard, story, []
        domain = story.address.rpartition("@")[2]
        site = story.site or await site_behind(outside.routing(settings, random.Random()), domain)
        story = replace(story, hindrances=tuple(await _closed(settings, records, site)))
    return heard, story, await concerning(settings, site, domain, story.delivery_id)


async def _closed(settings: Settings, records: Records, site: str | None) -> list[str]:
    """The lanes to a site that are closed by what it said: operators' orders are told apart from them."""
    kept = [one for one in await records.lanes() if one.lane.endswith(f">{site}")]
    known = lane.sites(kept, [], ceilings(settings), time.time())
    return lane.closed(known, await closures(records, known), time.time())


def _told(heard: message.Heard, story: message.Story) -> dict[str, Any]:
    job = heard.job
    newest = job.event if job else heard.message.event if heard.message else None
    return {
        "job_id": story.job_id,
        "delivery_id": story.delivery_id,
        "rcpt_to": story.address,
        "accepted_at": timestamp(job.accepted_at) if job else None,
        "expires_at": timestamp(job.expires_at) if job else None,
        "attempts": job.attempt if job else None,
        "in_doubt": story.in_doubt,
        "last_event": msgspec.json.decode(newest) if newest else None,
        "worker": heard.owner,
        "next": story.next,
        "hindrances": story.hindrances,
        "holds": [_hold(hold) for hold in read_holds(job.holds if job else None)],
        "history": [_attempt(attempt) for attempt in read_attempts(heard.attempts)],
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {**msgspec.to_builtins(hold), "since": timestamp(hold.since), "until": timestamp(hold.until)}


def _attempt(attempt: KeptAttempt) -> dict[str, Any]:
    return {**msgspec.to_builtins(attempt), "began_at": timestamp(attempt.began_at)}


def _story(story: message.Story, heard: message.Heard) -> list[str]:
    lines = [f"job {story.job_id} of delivery {story.delivery_id}, to {story.address}"]
    if heard.job is not None:
        lines.append(f"  valid until {timestamp(heard.job.expires_at)}, {heard.job.attempt} attempts so far")
    if story.in_doubt:
        lines.append("  in doubt: the receiver may have taken a copy without our knowing")
    for moment in story.moments:
        lines += _moment(moment)
    facts = story.meaning if heard.attempts else (*story.conversation, *story.meaning)  # an attempt has them already
    lines += [f"  {fact.name}: {fact.value}" for fact in facts]
    return [*lines, f"  next: {story.next}", *(f"  in its way: {one}" for one in story.hindrances)]


def _moment(moment: message.Moment) -> list[str]:
    detail = f": {moment.detail}" if moment.detail else ""
    facts = ", ".join(f"{fact.name} {fact.value}" for fact in moment.facts)
    return [
        f"  {timestamp(moment.at)} {'(to come) ' if moment.ahead else ''}{moment.what}{detail}",
        *([f"    {facts}"] if facts else []),
        *(f"      {line}" for line in moment.dialogue),
    ]
