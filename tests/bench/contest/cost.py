"""What a group of processes costs: processor time, that of children which have ended included, and memory.

On Linux with cgroup 2 and root's rights a group is a cgroup, whose count is the kernel's own. Elsewhere it is the tree of
processes below those started in it; a child that ended without being waited for is then missed.
"""

import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

_TICK = os.sysconf("SC_CLK_TCK")
_LEAVING = 50


class Group(Protocol):
    """Processes counted together."""

    def inside(self) -> AbstractContextManager[None]:
        """What is started within belongs to the group, and all that comes of it."""

    def cpu(self) -> float:
        """Processor seconds used so far."""

    def pids(self) -> list[int]: ...

    def close(self) -> None: ...


def group(name: str) -> Group:
    """A new group, empty."""
    try:
        return Cgroup(name)
    except OSError:
        return Tree()


def kernel_counts() -> bool:
    """Whether groups are cgroups here."""
    probe = group("probe")
    probe.close()
    return isinstance(probe, Cgroup)


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))


def machine() -> float:
    """Processor seconds that the whole machine has used, whoever for."""
    user, nice, system, _, _, interrupts, soft, stolen = (
        int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + stolen) / _TICK


def by_program(pids: list[int]) -> Mapping[str, float]:
    """Processor seconds used so far by living processes, by the name of their program (proc(5), comm)."""
    used: defaultdict[str, float] = defaultdict(float)
    for pid in pids:
        with suppress(OSError):
            used[Path(f"/proc/{pid}/comm").read_text().strip()] += _used(pid)
    return used


def memory(pids: list[int]) -> float:
    """MB resident, what processes share counted once (proportional set size)."""
    return sum(map(_share, pids)) / 1000


@contextmanager
def watched(own: Group, backing: Group) -> Iterator[list[float]]:
    """The greatest memory in MB, looked at once a second: of `own` processes, and of both groups."""
    peak, ended = [0.0, 0.0], threading.Event()

    def look() -> None:
        while True:
            mine = memory(own.pids())
            peak[:] = max(peak[0], mine), max(peak[1], mine + memory(backing.pids()))
            if ended.wait(1):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


class Cgroup:
    """A cgroup of one's own, beside the one this process is in."""

    def __init__(self, name: str) -> None:
        root = _mount() / Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].split("\n")[0]
        self._home = root / "cgroup.procs"
        self._folder = Path(tempfile.mkdtemp(prefix=f"campaign-mta-bench-{name}-", dir=root))
        self._members = self._folder / "cgroup.procs"

    @contextmanager
    def inside(self) -> Iterator[None]:
        self._members.write_text(str(os.getpid()))
        try:
            yield
        finally:
            self._home.write_text(str(os.getpid()))

    def cpu(self) -> float:
        figures = dict(line.split() for line in (self._folder / "cpu.stat").read_text().splitlines())
        return int(figures["usage_usec"]) / 1e6

    def pids(self) -> list[int]:
        return [int(pid) for pid in self._members.read_text().split()]

    def close(self) -> None:
        """Remove it, once the last process in it is gone."""
        for _ in range(_LEAVING):
            with suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.1)


class Tree:
    """The processes that this one started inside, with their descendants."""

    def __init__(self) -> None:
        self._roots: set[int] = set()

    @contextmanager
    def inside(self) -> Iterator[None]:
        before = _children().get(os.getpid(), set())
        yield
        self._roots |= _children().get(os.getpid(), set()) - before

    def cpu(self) -> float:
        return sum(map(_used, self.pids()))

    def pids(self) -> list[int]:
        children, found = _children(), []
        waiting = [pid for pid in self._roots if Path(f"/proc/{pid}").exists()]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += children.get(pid, ())
        return found

    def close(self) -> None:
        self._roots.clear()


def _mount() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise FileNotFoundError("cgroup2 is not mounted")


def _children() -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        if fields := _stat(entry.name):
            found.setdefault(int(fields[1]), set()).add(int(entry.name))
    return found


def _stat(pid: int | str) -> list[str]:
    """The fields of a process after its name (proc(5)); none if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _used(pid: int) -> float:
    return sum(map(int, _stat(pid)[11:15])) / _TICK  # with those of its children that have ended


def _share(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    return 0.0
