"""What a batch of events amounts to, before the store is asked what it knows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feedback.event import Event, encode
from feedback.store.text import storable
from feedback.tracker.message import Bounce, Message, bounce, fold, merge, message, rejected


@dataclass(frozen=True, slots=True)
class Batch:
    """Views of jobs, errors of addresses, rejections `(event_id, delivery_id, event)`, and the addresses that had success."""

    views: dict[str, Message]
    bounces: list[Bounce]
    rejections: list[tuple[str, str, bytes]]
    reached: set[str]

    @property
    def addresses(self) -> set[str]:
        """Whose quarantine may be another after this batch."""
        return self.reached | {error.address for error in self.bounces}


def batch(events: Sequence[Event]) -> Batch:
    """Sort a batch of events.

    Raises:
        ValueError: a number or time in one is not such as a worker writes.
    """
    accepted = [event for event in events if not rejected(event)]
    return Batch(
        views=fold(message(event) for event in accepted),
        bounces=[error for event in accepted if (error := bounce(event))],
        rejections=[
            (storable(event.event_id), storable(event.delivery_id), encode(event))
            for event in events
            if rejected(event)
        ],
        reached={
            storable(event.rcpt_to).lower()
            for event in accepted
            if event.event == "sent" and event.rcpt_to and not event.test
        },
    )


def news(known: Mapping[str, Message], views: Mapping[str, Message]) -> list[Message]:
    """The messages that a batch makes or changes, in the order of their job_ids."""
    merged = {job_id: merge(known[job_id], view) if job_id in known else view for job_id, view in sorted(views.items())}
    return [message for job_id, message in merged.items() if known.get(job_id) != message]
