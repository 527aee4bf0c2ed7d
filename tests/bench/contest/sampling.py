"""Where a worker process spends its processor time: `begin(FOLDER)` before its `main`.

A profiling timer (SIGPROF) strikes after each millisecond of the process's processor time. Its handler runs in the main
thread and charges what that thread has used since the last time to the part of the code it finds there, so that the parts
sum up to the thread's time exactly; other threads have clocks of their own. A call into C that the timer strikes is finished
first, and is charged to whoever called it. On SIGUSR1 the sums so far go to a file named after the process.
"""

import json
import os
import re
import signal
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

_INTERVAL = 0.001

PARTS = (
    ("SMTP", ("/mta/smtp/", "/aiosmtplib/")),
    ("signing, in the event loop", ("/mta/signing/", "/dkim/", "/cryptography/")),
    ("message and envelope", ("/mta/message", "/mta/recode", "/mta/envelope", "/worker/preparation")),
    ("routing", ("/mta/routing/", "/dns/")),
    ("traffic", ("/mta/traffic/",)),
    ("delivery log", ("/feedback/log/", "/feedback/store/", "/asyncpg/", "/aiosqlite/", "/sqlite3/")),
    ("queue", ("/worker/queue/", "/aio_pika/", "/aiormq/", "/pamqp/")),
    ("feedback and settlement", ("/feedback/", "/worker/settlement", "/worker/disposition", "/worker/outage")),
    ("group commits", ("/worker/group",)),
    ("log lines", ("/structlog/", "/worker/logging", "/logging/")),
    ("reading and driving jobs", ("/worker/job", "/worker/intake", "/worker/delivery", "/msgspec/")),
)
"""Parts and their files. The innermost frame that is in one has the time; the standard library's belongs to its caller."""

LOOP = "event loop and sockets"
"""What no part has: the loop itself, and reading from and writing to sockets on its behalf."""


def begin(folder: str) -> None:
    """Sample this process from now on."""
    Sampler(Path(folder)).start()


class Sampler:
    """Seconds by part, and by function."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: defaultdict[str, float] = defaultdict(float)
        self._functions: defaultdict[str, float] = defaultdict(float)
        self._then = 0.0

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, self._tell)
        signal.siginterrupt(signal.SIGPROF, False)
        self._then = time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        spent, self._then = now - self._then, now
        part, function = place(frame)
        self._parts[part] += spent
        self._functions[f"{part}: {function}"] += spent

    def _tell(self, _: int, __: FrameType | None) -> None:
        told = {
            "parts": self._parts,
            "functions": self._functions,
            "threads": threads(),
            "process": time.process_time(),
        }
        file = self._folder / f"{os.getpid()}.part"
        file.write_text(json.dumps(told))
        file.rename(self._folder / f"{os.getpid()}.json")


def place(frame: FrameType | None) -> tuple[str, str]:
    """The part a stack belongs to, and the function in it."""
    while frame is not None:
        code = frame.f_code
        for part, files in PARTS:
            if any(file in code.co_filename for file in files):
                return part, f"{code.co_filename.rpartition('/')[2]} {code.co_qualname}"
        frame = frame.f_back
    return LOOP, ""


def threads() -> dict[str, float]:
    """Processor seconds of the threads but the main one, by name without their numbers."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.ident is not None:
            name = re.sub(r"[-_ ]?\d+", "", thread.name)
            seconds[name] += time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return dict(seconds)
