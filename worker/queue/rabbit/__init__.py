"""The queue on RabbitMQ, through aio-pika.

    <prefix>.jobs ──#──> <prefix>.tickets ──transactional.#──> <prefix>.transactional
                              │  ^  ├──bulk.<domain>───> <prefix>.bulk.<site>              (of a busy site)
                              │  │  └──everything else─> <prefix>.bulk
                              │  └── <prefix>.wait.0 <── wait.1 <── ... <── wait.17        (the delay ladder)
    <prefix>.held ──held.<site>──> <prefix>.held.<site>                         (what a busy site does not take yet)
    <prefix>.feedback ──#──> <prefix>.feedback                    <prefix>.rejected

Busy sites, at most 64, have two queues of their own: what is published for their domains, and what was looked at, written
down, and could not go. The second is consumed as fast as the gate gives leave, and not at all while the site takes nothing;
of the first, as many are taken even then as others leave room for, so that each job is known to the log and expires on
time. Which sites these are is listed in `<prefix>.sites`; which domains lead to them is in the broker's bindings and
nowhere else. What no binding knows goes to the queue of all others. A job whose MX turns out to belong to a busy site that
takes no more is put with the site's held ones. What comes back from the ladder comes by the common queue, lest it stand
behind the site's new mail.

A ticket that must wait climbs down a ladder of queues that hold it 2**n seconds each; a header names the rungs where it
stays, and it passes the others by. No plugin is needed, and the same declarations hold on RabbitMQ 3.10 and 4.x.

A ticket that was between two rungs when the broker broke is handed on again after RabbitMQ's
`dead_letter_worker_publisher_confirm_timeout`: 3 minutes, unless the broker's configuration says less.
"""

from worker.queue.rabbit.publisher import RabbitPublisher
from worker.queue.rabbit.queue import Prefetch, RabbitQueue
from worker.queue.rabbit.stream import RabbitFeedback

__all__ = ["Prefetch", "RabbitFeedback", "RabbitPublisher", "RabbitQueue"]
