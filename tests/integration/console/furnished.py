"""A store as a busy installation has it, made by the real adapters: deliveries in every state, lanes in trouble, orders,
unknown replies. The same each time, for a given `now`."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

import msgspec

from feedback.event import (
    LOG_STATUS,
    Event,
    Kind,
    PathPart,
    QualificationPart,
    SmtpPart,
    TimingPart,
    TlsPart,
    encode,
    timestamp,
)
from feedback.log import Candidate, Face, Outcome
from feedback.log.story import Hold, KeptAttempt, with_hold
from feedback.qualifier.unknown import Key, Unknown
from feedback.tracker.message import posix
from mta.traffic.dial import Dial
from mta.traffic.memory import encode as encode_account
from mta.traffic.pace import Pace, Standing
from mta.traffic.shares import Account, Lease
from mta.traffic.tally import Tally
from worker import adapters
from worker.orders.order import Limits, Override, Suspension
from worker.settings import Settings

SITES = {
    "gmail.com": "google.com",
    "googlemail.com": "google.com",
    "outlook.com": "olc.protection.outlook.com",
    "hotmail.com": "olc.protection.outlook.com",
    "yahoo.com": "yahoodns.net",
    "gmx.net": "gmx.net",
    "web.de": "gmx.net",
    "xn--bcher-kva.example": "mail.bücher.example",
    "a-very-long-name-of-a-department.of-an-even-longer-company-name.example": "protection.a-hosting-company.example",
}
WEIGHTS = (30, 4, 14, 10, 16, 8, 9, 2, 1)

UNKNOWN_USER = (
    550,
    "5.1.1",
    "user_unknown",
    10,
    "invalid_recipient",
    "hard",
    1,
    "rcpt",
    "The email account that you tried to reach does not exist. Please try double-checking the recipient's email address for typos or unnecessary spaces.",
)
FULL = (
    452,
    "4.2.2",
    "mailbox_full",
    22,
    "mailbox_full",
    "soft",
    5,
    "rcpt",
    "The recipient's inbox is out of storage space.",
)
SLOW = (
    421,
    "4.7.28",
    "refused",
    50,
    "mail_block",
    "ignored",
    20,
    "mail",
    "Our system has detected an unusual rate of unsolicited mail originating from your IP address.",
)
GREY = (
    451,
    "4.7.1",
    "unreachable",
    70,
    "transient_failure",
    "soft",
    3,
    "rcpt",
    "Greylisting in action, please come back later",
)

LONG_NAME = "Automatische Erinnerung: „Frühjahrs-Sale“ <b>50 % Rabatt</b> / Segment=Bestandskunden&Sprache=de?Version=17 (Wiederholung nach A/B-Test)"


def part(why: tuple[int, str, str, int, str, str, int, str, str]) -> tuple[QualificationPart, SmtpPart]:
    code, enhanced, reason_name, bounce, name, type_, reason, phase, text = why
    return (
        QualificationPart(bounce, name, type_, reason, reason_name, f"text-{name}", to_qualify=False),
        SmtpPart(phase, code, enhanced, f"{enhanced} {text}", text.lower()),
    )


def event(
    face: Face,
    seq: int,
    kind: Kind,
    at: float,
    began: float,
    why: tuple[int, str, str, int, str, str, int, str, str] | None = None,
) -> Event:
    domain = face.rcpt_to.rpartition("@")[2]
    site = SITES[domain]
    qualification, smtp = (
        part(why) if why else (None, SmtpPart("body", 250, "2.0.0", "2.0.0 OK 1764025200 queued", "ok {id} queued"))
    )
    tried = kind != "accepted"
    return Event(
        event_id=f"{face.job_id}/{seq}",
        seq=seq,
        event=kind,
        log_status=LOG_STATUS[kind],
        final=kind in ("sent", "failed", "cancelled"),
        in_doubt=False,
        at=timestamp(at),
        job_id=face.job_id,
        delivery_id=face.delivery_id,
        wave=0,
        tenant="default",
        rcpt_to=face.rcpt_to,
        context={"segment": "returning", "ab": "B"},
        attempt=seq,
        retry_count=max(0, seq - 1),
        worker="mta-1-4711",
        cause="bounced" if kind == "failed" else None,
        next_attempt_at=timestamp(at + 600) if kind == "delayed" else None,
        qualification=qualification,
        smtp=smtp if tried else None,
        path=PathPart(
            site,
            f"mx1.{site}",
            "198.51.100.7",
            "192.0.2.10",
            "mta1.example.com",
            TlsPart("TLSv1.3", "TLS_AES_256_GCM_SHA384", "pkix"),
        )
        if tried
        else None,
        timing=TimingPart(round((at - began) * 1000), 180) if tried else None,
    )


def messages(
    delivery: str, count: int, span: tuple[float, float], done: float, dice: random.Random
) -> Iterator[tuple[Face, list[Event]]]:
    """`count` messages accepted at the beginning of `span`, `done` of them settled evenly over it."""
    began, until = span
    domains = dice.choices(list(SITES), WEIGHTS, k=count)
    for number, domain in enumerate(domains):
        rcpt_to = f"{dice.choice(('anna', 'ben', 'chloe', 'dmitri', 'eva'))}.{number}@{domain}"
        job_id = f"{delivery[:20].replace(' ', '-').replace(':', '')}.0.{number:06x}"
        face = Face(
            job_id=job_id,
            delivery_id=delivery,
            wave=0,
            tenant="default",
            rcpt_to=rcpt_to,
            context={},
            test=False,
            expires_at=None,
        )
        accepted = began + number / count * min(120.0, until - began)
        events = [event(face, 0, "accepted", accepted, accepted)]
        place = number / count
        if place < done:
            at = max(accepted + 1, began + (until - began) * place / done * dice.uniform(0.8, 1.0))
            fate = dice.random()
            if fate < 0.86:
                events.append(event(face, 1, "sent", at, accepted))
            elif fate < 0.91:
                events.append(event(face, 1, "failed", at, accepted, UNKNOWN_USER))
            elif fate < 0.94:
                events.append(event(face, 1, "delayed", at, accepted, FULL))
            elif fate < 0.97:
                events.append(event(face, 1, "delayed", at, accepted, SLOW))
            else:
                events += [event(face, 1, "delayed", at - 0.5, accepted, GREY), event(face, 2, "sent", at, accepted)]
        yield face, events


async def furnish(settings: Settings, now: float, size: int = 3000) -> None:
    dice = random.Random(8)
    tracker, log = adapters.tracker(settings), adapters.delivery_log(settings, "mta-1-4711")
    await tracker.open()
    await log.open()
    for delivery, count, span, done in (
        ("spring-newsletter", size, (now - 1500, now), 0.62),
        ("password-resets", size // 10, (now - 90_000, now - 82_000), 1.0),
        (LONG_NAME, size // 8, (now - 9000, now - 3300), 0.4),
        ("just-begun", size // 6, (now - 8, now), 0.0),
    ):
        made = list(messages(delivery, count, span, done, dice))
        for start in range(0, len(made), 500):
            page = made[start : start + 500]
            await tracker.apply([one for _, events in page for one in events])
            await log.claim([Candidate(face, 0) for face, _ in page], span[0])
            await log.record([_outcome(events[-1]) for _, events in page if len(events) > 1])
            held = [face.job_id for face, events in page[5:] if len(events) == 1]
            await log.release([(job_id, 0, _holds(now)) for job_id in held])
    await tracker.close()
    await log.close()
    await _unknown(settings, now)
    await _orders(settings, now)
    await lanes(settings, now)


def _holds(now: float) -> bytes:
    reply = "421 4.7.28 Our system has detected an unusual rate of unsolicited mail"
    limited = Hold(since=now - 500, until=now + 30, why="rule google: 2 connections, 5/s (slowed down)", reply=reply)
    return with_hold(None, limited)


def _outcome(last: Event) -> Outcome:
    retry = None if last.final else 600.0
    return Outcome(
        job_id=last.job_id,
        seq=last.seq,
        attempt=last.attempt,
        event=encode(last),
        final=last.event if last.final else None,
        retry_at=retry,
        story=_story(last),
    )


def _story(last: Event) -> bytes:
    """What is kept of the attempt that an event tells of, with a line that no page is wide enough for."""
    said = f"S {last.smtp.code} {last.smtp.text}" if last.smtp else "S 250 2.0.0 OK"
    dialogue = ["- to mx.example [192.0.2.25]:25", f"C RCPT TO:<{last.rcpt_to}>", f"S 250-{'X-LONG' * 40}", said]
    tried = KeptAttempt(
        attempt=last.attempt,
        began_at=posix(last.at) - 1,
        event=last.event,
        ms=240,
        waited_ms=1800,
        rule="google",
        nth=3,
        worker=last.worker,
        smtp=last.smtp,
        path=last.path,
        qualification=last.qualification,
        dialogue=dialogue,
    )
    return msgspec.json.encode(tried)


async def _unknown(settings: Settings, now: float) -> None:
    replies = adapters.unknown_replies(settings)
    await replies.open()
    await replies.add(
        {
            Key(550, "rcpt", "our oracle is asleep, ask {address} about ticket {id}"): Unknown(
                count=1204,
                first_at=now - 86_000,
                last_at=now - 40,
                site="gmx.net",
                example='550 Our oracle is asleep, ask postmaster@gmx.net about "ticket" 48151623',
            ),
            Key(421, "banner", "not today {host}"): Unknown(
                count=17,
                first_at=now - 7000,
                last_at=now - 400,
                site="protection.a-hosting-company.example",
                example="421 not today mta1.example.com",
            ),
        }
    )
    await replies.close()


async def _orders(settings: Settings, now: float) -> None:
    book = adapters.order_book(settings)
    await book.open()
    await book.give(
        [
            Suspension(
                target="yahoodns.net",
                pool=None,
                since=now - 700,
                until=now + 2900,
                by="dana@10.0.0.5",
                why="TSS04 again, talking to their postmaster",
            ),
            Override(
                target="gmx.net",
                pool="default",
                limits=Limits(connections=2, rate=5.0),
                since=now - 4000,
                until=now + 9000,
                by="root@mta1",
                why="",
            ),
        ]
    )
    await book.close()


def _dial(value: float, wall: float = inf) -> Dial:
    return Dial(value=value, wall=wall)


def accounts(now: float) -> Sequence[tuple[str, Account]]:
    lease = {"mta-1-4711": Lease(6, 20.0, now + 9, 40), "mta-2-99": Lease(4, 18.0, now + 9, 30)}
    open_ = Pace(since=now - 40, rate=_dial(41.2, 46.0), window=_dial(12.0, 14.0), standing=Standing(4000, 12, now))
    closed = replace(open_, closed_until=now + 1100, closed_for=1800, closed_by="blocked", trial=True)
    return (
        (
            "default/192.0.2.10>google.com",
            Account(
                open_,
                Tally(
                    taken=421, too_fast=2, why="421 4.7.28 Our system has detected an unusual rate of unsolicited mail"
                ),
                dict(lease),
            ),
        ),
        ("default/192.0.2.11>google.com", Account(replace(open_, rate=_dial(8.0)), Tally(taken=80), dict(lease))),
        (
            "default/192.0.2.10>olc.protection.outlook.com",
            Account(
                closed, Tally(blocked=9, why="550 5.7.1 Unfortunately, messages from [192.0.2.10] weren't sent. S3150")
            ),
        ),
        ("default/192.0.2.10>yahoodns.net", Account(open_, Tally(), dict(lease))),
        ("default/192.0.2.10>gmx.net", Account(open_, Tally(taken=44), dict(lease))),
        (
            "transactional/2001:db8::10>protection.a-hosting-company.example",
            Account(replace(open_, trial=True, closed_by="unreachable"), Tally(away=3, why="connection refused")),
        ),
    )


async def lanes(settings: Settings, now: float) -> None:
    """Lanes and their changes, as the workers' refreshes leave them."""
    changes = (
        (
            now - 900,
            "default/192.0.2.10>google.com",
            "rate",
            46.0,
            38.5,
            "421 4.7.28 Our system has detected an unusual rate of unsolicited mail",
            None,
        ),
        (
            now - 700,
            "default/192.0.2.10>olc.protection.outlook.com",
            "open",
            1.0,
            0.0,
            "blocked: 550 5.7.1 Unfortunately, messages from [192.0.2.10] weren't sent. S3150",
            now + 1100,
        ),
        (
            now - 300,
            "default/192.0.2.10>google.com",
            "rate",
            38.5,
            41.2,
            "400 taken, none refused, and it was the limit",
            None,
        ),
        (
            now - 20,
            "default/192.0.2.11>google.com",
            "connections",
            2.0,
            3.0,
            "60 taken, none refused, and it was the limit",
            None,
        ),
        (
            now - 10,
            "default/192.0.2.10>gmx.net",
            "messages_per_connection",
            inf,
            20.0,
            "421 too many messages on this connection",
            None,
        ),
    )
    records = adapters.records(settings)
    await records.open()
    if hasattr(records, "_lock_path"):
        lane, change = "log_lane", "log_change"
        async with records._store.transaction() as connection:
            await connection.executemany(
                f"INSERT INTO {lane} VALUES (?, ?, ?)",
                [(name, encode_account(account), now - 1) for name, account in accounts(now)],
            )
            await connection.executemany(
                f"INSERT INTO {change} (at, lane, what, was, becomes, why, until) VALUES (?, ?, ?, ?, ?, ?, ?)", changes
            )
    else:
        async with records._store.connection() as connection:
            await connection.executemany(
                "INSERT INTO mta.lane (lane, account) VALUES ($1, $2)",
                [(name, encode_account(account)) for name, account in accounts(now)],
            )
            await connection.executemany(
                "INSERT INTO mta.change (at, lane, what, was, becomes, why, until) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                changes,
            )
    await records.close()
