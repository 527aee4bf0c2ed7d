"""Feedback events as a worker would write them, short to say in a test."""

from dataclasses import dataclass

import msgspec

from feedback.event import LOG_STATUS, Event, Kind, QualificationPart, TimingPart, timestamp

NOW = 1_800_000_000.0
HARD = (10, "hard", 1, "user_unknown")
SOFT = (20, "soft", 3, "unreachable")
FULL = (22, "soft", 5, "mailbox_full")
IGNORED = (51, "ignored", 20, "refused")
EXPIRED = (24, "ignored", 3, "unreachable")


@dataclass
class Job:
    """A job and the events it gives, one after the other."""

    job_id: str
    delivery_id: str = "spring"
    rcpt_to: str = "anna@example.net"
    test: bool = False
    seq: int = 0
    at: float = NOW

    def accepted(self) -> Event:
        return self._event("accepted", None, 0)

    def sent(self, at: float | None = None) -> Event:
        return self._next("sent", None, at)

    def delayed(self, why: tuple[int, str, int, str] = SOFT, at: float | None = None) -> Event:
        return self._next("delayed", why, at)

    def failed(self, why: tuple[int, str, int, str] = HARD, at: float | None = None) -> Event:
        return self._next("failed", why, at)

    def cancelled(self) -> Event:
        return self._next("cancelled", None, None)

    def rejected(self) -> Event:
        """The event of a job that was never accepted."""
        event = self._event("failed", (25, "ignored", 20, "refused"), 0)
        strange = {"event_id": f"{self.job_id}/rejected", "wave": None, "tenant": None, "rcpt_to": None}
        return msgspec.structs.replace(event, cause="rejected", **strange)

    def _next(self, kind: Kind, why: tuple[int, str, int, str] | None, at: float | None) -> Event:
        self.seq += 1
        self.at = self.at + 60 if at is None else at
        return self._event(kind, why, self.seq)

    def _event(self, kind: Kind, why: tuple[int, str, int, str] | None, seq: int) -> Event:
        code, type_, reason, reason_name = why or (0, "", 0, "")
        return Event(
            event_id=f"{self.job_id}/{seq}",
            seq=seq,
            event=kind,
            log_status=LOG_STATUS[kind],
            final=kind in ("sent", "failed", "cancelled"),
            in_doubt=False,
            at=timestamp(self.at),
            job_id=self.job_id,
            delivery_id=self.delivery_id,
            wave=0,
            tenant="default",
            rcpt_to=self.rcpt_to,
            context={},
            attempt=seq,
            retry_count=max(0, seq - 1),
            worker="w",
            qualification=QualificationPart(code, "", type_, reason, reason_name, "r", False) if why else None,
            timing=TimingPart(1000, 10) if seq else None,
            test=self.test,
        )
