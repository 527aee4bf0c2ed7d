"""The README as a reader follows it: its commands run one after the other in one shell, and print what stands beneath them.

Files are the blocks whose fence names one. `...` in an output stands for what differs from run to run, and blanks count as one.
A command that only looks is asked again for a while, as a reader does who waits for mail to arrive.
"""

import doctest
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.services.start import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NOT_RUN = {
    "make test": "this test is part of it",
    "apt-get install rabbitmq-server postgresql": "needs root and changes the machine; the test has servers of its own",
    "su postgres -c \"psql -c \\\"CREATE ROLE mta LOGIN PASSWORD 'mta'\\\" -c 'CREATE DATABASE mta OWNER mta'\"": "the same",
}
LOOKS = ("campaign-mta report", "campaign-mta reconcile", "campaign-mta explain", "ls ", "grep ")
PATIENCE = 90.0
ALIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True, slots=True)
class File:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    text: str
    output: str


def steps(document: str) -> Iterator[File | Command]:
    """What a document has its reader do."""
    for language, name, text in FENCE.findall(document):
        if name:
            yield File(name, text)
        elif language == "console":
            for part in re.split(r"^[$#] ", text, flags=re.MULTILINE)[1:]:
                command, output = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
                yield Command(command.strip(), output)


class Shell:
    """One shell that runs a command after the other."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # of the shell itself: what became of its jobs
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} 2>&1 </dev/null; code=$?; echo; echo END $code\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith("END "):
                return int(line.removeprefix("END ")), "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}")

    def end(self) -> None:
        """End it with all that it has started."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._bash.pid, how)
                if how == signal.SIGTERM:
                    time.sleep(1)
        self._bash.communicate()


@contextmanager
def shell(environment: dict[str, str]) -> Iterator[Shell]:
    made = Shell(environment)
    try:
        yield made
    finally:
        made.end()


def difference(within: Shell, step: Command) -> str | None:
    """What is wrong with what the command prints; None: nothing."""
    until = time.monotonic() + (PATIENCE if step.text.startswith(LOOKS) else 0)
    while True:
        code, output = within.run(step.text)
        checker = doctest.OutputChecker()
        if code == 0 and checker.check_output(step.output, output, ALIKE):
            return None
        if time.monotonic() >= until:
            wanted = doctest.Example(step.text, step.output)
            return f"$ {step.text}\nended with {code}\n{checker.output_difference(wanted, output, ALIKE)}"
        time.sleep(0.5)


def test_every_command_of_the_readme_prints_what_stands_beneath_it(
    tmp_path: Path, amqp_url: str, database_url: str
) -> None:
    places = {
        "amqp://guest:guest@127.0.0.1:5672/": amqp_url,
        "postgresql://mta:mta@127.0.0.1/mta": database_url,
        "2525": str(free_port()),
        "8025": str(free_port()),
    }

    def here(text: str) -> str:
        for written, real in places.items():
            text = text.replace(written, real)
        return text

    # Nothing of the configuration of whoever runs the tests, nor of the make that may have started them.
    foreign = ("CAMPAIGN_MTA", "MAKE", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment |= {"HOME": str(tmp_path), "COLUMNS": "100", "CAMPAIGN_MTA_BROKER__PREFIX": f"readme{os.getpid()}"}
    left = dict(NOT_RUN)
    with shell(environment) as reader:
        for step in steps(README):
            if isinstance(step, File):
                (tmp_path / "first" / step.name).write_text(here(step.text), encoding="utf-8")
            elif left.pop(step.text, None) is None:
                fault = difference(reader, Command(here(step.text), here(step.output)))
                logs = "\n".join(f"== {log.name}\n{log.read_text()[-1500:]}" for log in tmp_path.rglob("*.log"))
                assert fault is None, f"{fault}\n{logs}"
    assert not left, "in the list of what is not run, but not in the README"


def test_an_output_that_has_changed_is_a_difference(tmp_path: Path) -> None:
    with shell(dict(os.environ)) as made:
        assert difference(made, Command("echo sent 4 of 5", "sent 5 of ...\n"))
        assert difference(made, Command("false", ""))
        assert not difference(made, Command("echo sent 5 of 6", "sent 5 of ...\n"))
