"""The queue on RabbitMQ, through aio-pika.

    <prefix>.jobs ──#──> <prefix>.tickets ──transactional.#──> <prefix>.transactional
                              │  ^      └──everything else───> <prefix>.bulk
                              │  └── <prefix>.wait.0 <── wait.1 <── ... <── wait.17      (the delay ladder)
    <prefix>.feedback ──#──> <prefix>.feedback                    <prefix>.rejected

A ticket that must wait climbs down a ladder of queues that hold it 2**n seconds each; a header names the rungs where it
stays, and it passes the others by. No plugin is needed, and the same declarations hold on RabbitMQ 3.10 and 4.x.
"""

from worker.queue.rabbit.publisher import RabbitPublisher
from worker.queue.rabbit.queue import Prefetch, RabbitQueue
from worker.queue.rabbit.stream import RabbitFeedback

__all__ = ["Prefetch", "RabbitFeedback", "RabbitPublisher", "RabbitQueue"]
