"""Feedback events made from what is known: one function for each thing that can be said of a job. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from feedback.event import (
    LOG_STATUS,
    Cause,
    Event,
    Kind,
    PathPart,
    QualificationPart,
    SmtpPart,
    TimingPart,
    TlsPart,
    timestamp,
)
from feedback.log import State
from feedback.qualification import Qualification, Reason
from feedback.qualifier.trouble import expired, rejected
from mta.attempt import Attempt, Path

_last = msgspec.json.Decoder(Event)


class Failure(Struct, frozen=True, kw_only=True):
    """Why a job failed for good; `detail` is for people, where no server said it."""

    cause: Cause
    qualification: Qualification
    attempt: Attempt | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes events in the name of one worker process; `canonical` blanks the variable parts of a reply."""

    worker: str
    canonical: Callable[[str], str]

    def accepted(self, state: State) -> Event:
        """The same however often it is written: it says nothing of what came later."""
        return self._event(replace(state, seq=-1, attempt=0, doubtful=False), "accepted", state.accepted_at)

    def sent(self, state: State, now: float, attempt: Attempt | None) -> Event:
        return self._event(state, "sent", now, **self._tried(state, now, attempt))

    def delayed(self, state: State, now: float, attempt: Attempt, qualification: Qualification, until: float) -> Event:
        return self._event(
            state,
            "delayed",
            now,
            qualification=_qualification(qualification),
            next_attempt_at=timestamp(until),
            **self._tried(state, now, attempt),
        )

    def failed(self, state: State, now: float, failure: "Failure") -> Event:
        return self._event(
            state,
            "failed",
            now,
            cause=failure.cause,
            detail=failure.detail,
            qualification=_qualification(failure.qualification),
            **self._tried(state, now, failure.attempt),
        )

    def expired(self, state: State, now: float) -> Event:
        """Validity over: code 24, with the last known reason, reply and path."""
        last = _last.decode(state.last_event) if state.last_event else None
        known = last.qualification if last else None
        qualification = expired(Reason(known.reason) if known else None)
        return self._event(
            state,
            "failed",
            now,
            cause="expired",
            qualification=_qualification(qualification),
            timing=_timing(state, now, None),
            smtp=last.smtp if last else None,
            path=last.path if last else None,
        )

    def cancelled(self, state: State, now: float) -> Event:
        """Its delivery was called off. With a doubtful state the receiver may have a copy all the same; the event says so."""
        return self._event(state, "cancelled", now, timing=_timing(state, now, None))

    def rejected(self, glimpse: Mapping[str, Any], now: float, reason: str) -> Event | None:
        """For a ticket that is no job; None when not even its ids can be read."""
        if "job_id" not in glimpse or "delivery_id" not in glimpse:
            return None
        return Event(
            event_id=f"{glimpse['job_id']}/rejected",
            seq=0,
            event="failed",
            log_status=LOG_STATUS["failed"],
            final=True,
            in_doubt=False,
            at=timestamp(now),
            job_id=glimpse["job_id"],
            delivery_id=glimpse["delivery_id"],
            wave=glimpse.get("wave"),
            tenant=glimpse.get("tenant"),
            rcpt_to=glimpse.get("rcpt_to"),
            context=glimpse.get("context", {}),
            attempt=0,
            retry_count=0,
            worker=self.worker,
            cause="rejected",
            qualification=_qualification(rejected()),
            detail=reason,
            timing=TimingPart(queued_ms=0, smtp_ms=None),
            test=glimpse.get("test", False) is True,
        )

    def _tried(self, state: State, now: float, attempt: Attempt | None) -> dict[str, Any]:
        if attempt is None:
            return {"timing": _timing(state, now, None)}
        return {"timing": _timing(state, now, attempt), "smtp": self._smtp(attempt), "path": _path(attempt.path)}

    def _smtp(self, attempt: Attempt) -> SmtpPart:
        reply = attempt.reply
        return SmtpPart(
            phase=attempt.phase.value,
            code=reply.code if reply else None,
            enhanced=reply.enhanced if reply else None,
            text=attempt.text,
            canonical=self.canonical(attempt.text),
        )

    def _event(self, state: State, kind: Kind, now: float, **parts: Any) -> Event:
        face = state.face
        number = state.seq + 1
        return Event(
            event_id=f"{face.job_id}/{number}",
            seq=number,
            event=kind,
            log_status=LOG_STATUS[kind],
            final=LOG_STATUS[kind] != "taken_into_account",
            in_doubt=state.doubtful,
            at=timestamp(now),
            job_id=face.job_id,
            delivery_id=face.delivery_id,
            wave=face.wave,
            tenant=face.tenant,
            rcpt_to=face.rcpt_to,
            context=face.context,
            attempt=state.attempt,
            retry_count=max(0, state.attempt - 1),
            worker=self.worker,
            test=face.test,
            traceparent=face.traceparent,
            **parts,
        )


def _timing(state: State, now: float, attempt: Attempt | None) -> TimingPart:
    return TimingPart(
        queued_ms=max(0, round((now - state.accepted_at) * 1000)),
        smtp_ms=round(attempt.duration * 1000) if attempt else None,
    )


def _qualification(qualification: Qualification) -> QualificationPart:
    return QualificationPart(
        code=qualification.code.value,
        name=qualification.code.name.lower(),
        type=qualification.type.value,
        reason=qualification.reason.value,
        reason_name=qualification.reason.name.lower(),
        rule=qualification.rule,
        to_qualify=qualification.to_qualify,
    )


def _path(path: Path) -> PathPart:
    tls = path.tls
    return PathPart(
        site=path.site,
        mx_host=path.mx_host,
        remote_ip=path.remote_ip,
        source_ip=path.source_ip,
        helo=path.helo,
        tls=TlsPart(version=tls.version, cipher=tls.cipher, auth=tls.auth) if tls else None,
    )
