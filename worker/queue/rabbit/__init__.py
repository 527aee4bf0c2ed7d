"""The queue on RabbitMQ, through aio-pika.

    <prefix>.jobs ──#──> <prefix>.tickets ──transactional.#──> <prefix>.transactional
                              │  ^      └──everything else───> <prefix>.bulk
                              │  └── <prefix>.wait.0 <── wait.1 <── ... <── wait.17      (the delay ladder)
    <prefix>.feedback ──#──> <prefix>.feedback                    <prefix>.rejected

A ticket that must wait climbs down a ladder of queues that hold it 2**n seconds each; a header names the rungs where it
stays, and it passes the others by. No plugin is needed, and the same declarations hold on RabbitMQ 3.10 and 4.x.

A ticket that was between two rungs when the broker broke is handed on again after RabbitMQ's
`dead_letter_worker_publisher_confirm_timeout`: 3 minutes, unless the broker's configuration says less.
"""

from worker.queue.rabbit.publisher import RabbitPublisher
from worker.queue.rabbit.queue import Prefetch, RabbitQueue
from worker.queue.rabbit.stream import RabbitFeedback

__all__ = ["Prefetch", "RabbitFeedback", "RabbitPublisher", "RabbitQueue"]
