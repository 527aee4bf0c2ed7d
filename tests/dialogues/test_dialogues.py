"""Dialogues with servers of every kind: each ends as its file says, and leaves no task and no socket behind."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import uvloop
from aiosmtplib.auth import auth_login_encode, auth_plain_encode

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Refused
from mta.dialogue import transcript
from mta.envelope import Envelope
from mta.lane import Lane, Source
from mta.routing.route import Host, Login, NoRoute, Route
from mta.smtp import Mail, Offers
from mta.smtp.pool import Pool
from mta.smtp.tls import context
from mta.traffic.rule import Rule, Timeouts, TlsPolicy
from tests.dialogues.script import Certificates, Dialogue, Scripted, read, sockets

FILES = sorted((Path(__file__).parent / "hostile").glob("*.txt")) + sorted(
    (Path(__file__).parent / "ordinary").glob("*.txt")
)
MESSAGES = {
    "small": b"Subject: dots\r\n\r\n.one\r\n..two\r\nthe end\r\n",
    "large": b"Subject: large\r\n\r\n" + (b"." + b"x" * 897 + b"\r\n") * 8_000,
    "binary": b"Subject: binary\r\n\r\n.a\0b\r\n",
    "eight-bit": b"Subject: eight\r\n\r\ncaf\xc3\xa9\r\n",
}
CERTIFICATES = Certificates()


def limits(text: str) -> Timeouts:
    given = {name: float(seconds) for name, _, seconds in (word.partition("=") for word in text.split())}
    return Timeouts(**({"connect": 5.0, "idle": 5.0} | given))


class Caller:
    """Sends a dialogue's mails through a pool of its own."""

    def __init__(self, dialogue: Dialogue, port: int) -> None:
        self._dialogue = dialogue
        login = dialogue.get("login")
        self._rule = Rule(
            name="dialogue",
            connections=1,
            tls=TlsPolicy(dialogue.get("tls", "opportunistic")),
            timeouts=limits(dialogue.get("limits")),
        )
        self._route = Route(
            site="site",
            domain="example.net",
            hosts=tuple(Host(f"mx{number + 1}.example", port) for number in range(int(dialogue.get("hosts", "1")))),
            login=Login(*login.split()) if login else None,
        )
        self._lane = Lane(Source(pool="default", helo="client.example"), "site")
        self.pool = Pool(self._addresses)

    async def _addresses(self, host: Host) -> tuple[str, ...] | NoRoute:
        return (self._dialogue.get("address", "127.0.0.1"),)

    async def send(self, number: int) -> Attempt:
        async def compose(offers: Offers) -> bytes:
            return MESSAGES[self._dialogue.get("message", "small")]

        async def intend() -> bool:
            return "lost" not in self._dialogue.heading

        sender, recipient = (
            self._dialogue.get("from", "a@example.com"),
            self._dialogue.get("to", f"r{number}@example.net"),
        )
        mail = Mail(envelope=Envelope(sender, recipient), compose=compose, test="test" in self._dialogue.heading)
        return await self.pool.send(mail, self._lane, self._route, self._rule, intend)

    async def send_all(self) -> list[Attempt]:
        count, _, together = self._dialogue.get("mails", "1").partition(" ")
        if together:
            return await asyncio.gather(*(self.send(number) for number in range(1, int(count) + 1)))
        return [await self.send(number) for number in range(1, int(count) + 1)]


def outcome(attempt: Attempt) -> str:
    match attempt.ending:
        case Delivered(reply):
            return f"delivered {reply.code} {attempt.phase}"
        case Refused(reply):
            return f"refused {reply.code} {attempt.phase}"
        case Broken(trouble, _):
            return f"broken {trouble} {attempt.phase}"
        case Doubtful():
            return f"doubtful {attempt.phase}"


def gives_nothing_away(attempt: Attempt, dialogue: Dialogue) -> None:
    """What is kept of a dialogue has the reply that decided, and neither message nor password."""
    kept = transcript(attempt.dialogue)
    assert kept
    message = {
        line.decode("utf-8", "replace") for line in MESSAGES[dialogue.get("message", "small")].splitlines() if line
    }
    assert not {line[2:] for line in kept if line.startswith("C")} & message
    if "login" in dialogue.heading:
        user, password = dialogue.get("login").split()
        secrets = auth_login_encode(user, password), (auth_plain_encode(user, password),)
        assert not [line for line in kept for words in secrets for word in words if word.decode() in line]
        assert not [line for line in kept if line.startswith("C AUTH") and len(line.split()) > 3 and line[-3:] != "***"]
    if attempt.reply is not None and attempt.reply.text and not attempt.reply.text.startswith("\\"):
        assert [line for line in kept if line.startswith(f"S {attempt.reply.code}")]


async def converse(dialogue: Dialogue) -> None:
    before = sockets()
    async with Scripted(dialogue.scripts, CERTIFICATES) as server:
        caller = Caller(dialogue, server.port)
        attempts = await caller.send_all()
        await caller.pool.close()
    assert [outcome(attempt) for attempt in attempts] == dialogue.expected
    assert server.faults == []
    for attempt, said in zip(attempts, dialogue.heading.get("says", []), strict=False):
        assert said in (attempt.reply.line if attempt.reply else attempt.text)
    for attempt in attempts:
        gives_nothing_away(attempt, dialogue)
    for attempt, secured in zip(attempts, dialogue.heading.get("secured", []), strict=False):
        assert (attempt.path.tls.auth if attempt.path.tls else "clear") == secured
    if "arrives" in dialogue.heading:
        sent = MESSAGES[dialogue.get("message", "small")]
        stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in sent.splitlines(keepends=True))
        assert server.messages == [sent if dialogue.get("arrives") == "as it is" else stuffed + b".\r\n"] * len(
            attempts
        )
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.sleep(0)  # sockets close one turn later
    assert sockets() == before


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    CERTIFICATES.authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context.cache_clear()


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dialogue_ends_as_its_file_says(file: Path, run: Callable[[Coroutine[None, None, None]], None]) -> None:
    run(converse(read(file)))


def test_there_are_at_least_forty_hostile_dialogues() -> None:
    assert sum(file.parent.name == "hostile" for file in FILES) >= 40
