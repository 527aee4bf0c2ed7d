"""The embedded queue: one SQLite file, one worker process; `send`, the tracker and others may use the file beside it.

A ticket that is taken stays in the file until it is finished; that it is taken is remembered by the process alone, so that
whatever becomes of the process, unfinished tickets are there when the file is opened again.
"""

from worker.queue.sqlite.publisher import SqlitePublisher
from worker.queue.sqlite.queue import SqliteQueue
from worker.queue.sqlite.stream import SqliteFeedback

__all__ = ["SqliteFeedback", "SqlitePublisher", "SqliteQueue"]
