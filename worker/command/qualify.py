"""`campaign-mta qualify`: JSON lines in, JSON lines out."""

import sys

import msgspec

from feedback.qualifier import Qualifier
from feedback.qualifier.line import answer, asked_of
from mta.traffic.signal import signal_of
from worker import outside
from worker.settings import Settings


class _Asked(msgspec.Struct):
    reply: str
    phase: str | None = None
    mx: str | None = None
    domain: str | None = None


def run(settings: Settings) -> int:
    """Answers each line in turn; one that cannot be read is answered with its fault, and the exit code is 1."""
    qualifier = outside.qualifier(settings)
    faults = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            print(msgspec.json.encode(_answer(qualifier, msgspec.json.decode(line, type=_Asked))).decode(), flush=True)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as fault:
            faults += 1
            print(msgspec.json.encode({"line": number, "error": str(fault)}).decode(), flush=True)
    return 1 if faults else 0


def _answer(qualifier: Qualifier, asked: _Asked) -> dict[str, object]:
    heard = asked_of(msgspec.structs.asdict(asked))
    return answer(qualifier, heard, asked.domain) | {"signal": signal_of(heard.reply.line, heard.phase).kind.value}
