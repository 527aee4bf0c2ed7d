"""A local SMTP sink: the receiving site that integration tests, the demo and benchmarks send to.

`behaviour` decides what to answer, `session` speaks SMTP, `maildir` keeps what was taken, `sink` holds them together.
The server is our own protocol rather than aiosmtpd's: reading a message in one piece and answering pipelined commands in
one write takes a tenth of the processor time, and a sink must never be what a benchmark measures.
"""

from worker.sink.behaviour import Answer, Ask, Behaviour, Moment, by_recipient
from worker.sink.maildir import Mail
from worker.sink.sink import Sink, run

__all__ = ["Answer", "Ask", "Behaviour", "Mail", "Moment", "Sink", "by_recipient", "run"]
