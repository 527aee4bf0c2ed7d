"""The sink spoken to over a socket."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
import trustme
import uvloop

from mta.reply import Reply
from worker.sink import Answer, Ask, Moment, Sink

Runner = Callable[[Coroutine[None, None, None]], None]


class Client:
    """Says octets, hears lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, octets: bytes, replies: int = 1) -> list[str]:
        self.writer.write(octets)
        return [await self.reply() for _ in range(replies)]

    async def reply(self) -> str:
        """The last line of one reply; empty at the end of the connection."""
        while True:
            line = (await self.reader.readline()).decode()
            if not line or line[3:4] != "-":
                return line.removesuffix("\r\n")

    async def close(self) -> None:
        self.writer.close()
        await asyncio.wait([asyncio.ensure_future(self.writer.wait_closed())])


@pytest.fixture
async def clients() -> AsyncIterator[list[Client]]:
    made: list[Client] = []
    yield made
    for client in made:
        await client.close()


async def connect(sink: Sink, clients: list[Client]) -> Client:
    client = Client(*await asyncio.open_connection(sink.host, sink.port))
    clients.append(client)
    assert (await client.reply()).startswith("220 ")
    return client


async def test_a_pipelined_message_is_taken_octet_for_octet(clients: list[Client], tmp_path: Path) -> None:
    async with Sink(store=tmp_path) as sink:
        client = await connect(sink, clients)
        await client.say(b"EHLO client.example\r\n")
        said = await client.say(
            b"MAIL FROM:<b@example.org> BODY=8BITMIME SIZE=50\r\nRCPT TO:<a@example.net>\r\nDATA\r\n", replies=3
        )
        assert [line[:3] for line in said] == ["250", "250", "354"]
        assert await client.say(b"..first\r\n\r\n...\r\nA \xe4\x00 line\n.\r.\r\n..\r\n.\r\n") == ["250 2.0.0 Ok"]
        assert sink.taken == {"a@example.net": 1}
    (entry,) = [json.loads(line) for line in (tmp_path / "index.jsonl").read_text().splitlines()]
    received = b".first\r\n\r\n..\r\nA \xe4\x00 line\n.\r.\r\n.\r\n"
    assert (tmp_path / entry["file"]).read_bytes() == received
    assert entry["rcpt"] == "a@example.net"
    assert entry["from"] == "b@example.org"
    assert entry["size"] == len(received)
    assert entry["tls"] is None
    assert entry["body"] == "8BITMIME"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("step", [1, 2, 3, 7])
async def test_octets_in_any_portions_make_the_same_messages(step: int, clients: list[Client]) -> None:
    async with Sink(keep=True) as sink:
        client = await connect(sink, clients)
        whole = b"HELO c\r\n" + b"".join(
            b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n" + data
            for data in (b".\r\n", b"x\r\n.\r\n", b"\r\n..\r\n.\r\n")
        )
        for at in range(0, len(whole), step):
            client.writer.write(whole[at : at + step])
            await asyncio.sleep(0)
        said = [(await client.reply())[:3] for _ in range(1 + 3 * 4)]
        assert said == ["250", *["250", "250", "354", "250"] * 3]
        assert [mail.content for mail in sink.mails] == [b"", b"x\r\n", b"\r\n.\r\n"]


@pytest.mark.parametrize("smuggled", [b"x\n.\r\n", b"x\r.\r\n", b"x\n.\n", b"x\r\n.\n", b"x\r\n.\r"])
async def test_only_crlf_dot_crlf_ends_a_message(smuggled: bytes, clients: list[Client]) -> None:
    async with Sink(keep=True) as sink:
        client = await connect(sink, clients)
        await client.say(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", replies=4)
        await client.say(smuggled + b"MAIL FROM:<x@evil.example>\r\n.\r\n")
        assert len(sink.mails) == 1
        assert sink.mails[0].content.endswith(b"MAIL FROM:<x@evil.example>\r\n")


async def test_commands_out_of_order_or_malformed_get_their_code(clients: list[Client]) -> None:
    async with Sink() as sink:
        client = await connect(sink, clients)
        for line, code in [
            (b"MAIL FROM:<a@b.example>", "503"),
            (b"EHLO", "501"),
            (b"EHLO c", "250"),
            (b"RCPT TO:<a@b.example>", "503"),
            (b"DATA", "503"),
            (b"MAIL FROM:a@b.example", "501"),
            (b"MAIL FROM:<a>", "501"),
            (b"MAIL FROM:<a@b.example> FUTURERELEASE=1", "555"),
            (b"MAIL FROM:<a@b.example> SIZE=99999999999", "552"),
            (b"MAIL FROM:<\xc3\xa4@b.example>", "553"),
            (b"mail from:<\xc3\xa4@b.example> smtputf8", "250"),
            (b"MAIL FROM:<a@b.example>", "503"),
            (b"DATA", "554"),
            (b"RCPT TO:<>", "501"),
            (b'RCPT TO:<"a b>\\""@b.example>', "250"),
            (b"RCPT TO:<@relay.example:a@b.example>", "250"),
            (b"RSET", "250"),
            (b"VRFY a", "252"),
            (b"STARTTLS", "502"),
            (b"AUTH PLAIN", "502"),
            (b"bare\nNOOP", "500"),
            (b"QUIT", "221"),
        ]:
            (said,) = await client.say(line + b"\r\n", replies=1)
            assert said[:3] == code, line
            if b"\n" in line:
                assert await client.reply() == "250 2.0.0 Ok"
        assert await client.reply() == ""


async def test_a_line_without_end_ends_the_connection(clients: list[Client]) -> None:
    async with Sink() as sink:
        client = await connect(sink, clients)
        assert await client.say(b"x" * 3000) == ["500 5.5.2 Line too long"]


async def test_a_message_over_the_limit_is_swallowed_and_refused(clients: list[Client]) -> None:
    async with Sink(size=1000, keep=True) as sink:
        client = await connect(sink, clients)
        await client.say(b"EHLO c\r\n")
        for content in (b"x" * 1001, b"x\r\n" * 5000, b"fits"):
            await client.say(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", replies=3)
            (said,) = await client.say(content + b"\r\n.\r\n")
            assert said[:3] == ("250" if content == b"fits" else "552")
        assert [mail.content for mail in sink.mails] == [b"fits\r\n"]


async def attempt(sink: Sink, clients: list[Client], rcpt: bytes) -> list[str]:
    """What one message on a connection of its own hears, to the end of the connection; data are sent only if asked for."""
    client = await connect(sink, clients)
    heard = await client.say(b"EHLO c\r\nMAIL FROM:<s@example.org>\r\nRCPT TO:<" + rcpt + b">\r\nDATA\r\n", replies=4)
    if heard[-1].startswith("354"):
        heard += await client.say(b"text\r\n.\r\n")
    if heard[-1]:
        heard += await client.say(b"QUIT\r\n")
    return [line[:3] for line in heard[2:]]


async def test_recipients_meet_the_fate_in_their_address(clients: list[Client]) -> None:
    async with Sink() as sink:
        for rcpt, heard in [
            (b"a+550@b.example", ["550", "554", "221"]),
            (b"a+421-once@b.example", ["421", ""]),
            (b"a+421-once@b.example", ["250", "354", "250", "221"]),
            (b"a+drop@b.example", ["", ""]),
            (b"a+drop-dot@b.example", ["250", "354", ""]),
            (b"a+drop-taken-once@b.example", ["250", "354", ""]),
            (b"a+drop-taken-once@b.example", ["250", "354", "250", "221"]),
            (b"a+dot-452@b.example", ["250", "354", "452", "221"]),
            (b"a+slow-0.05s+451-once@b.example", ["451", "554", "221"]),
            (b"a+slow-0.05s+451-once@b.example", ["250", "354", "250", "221"]),
            (b"a+greylist-0.01s@b.example", ["451", "554", "221"]),
        ]:
            assert await attempt(sink, clients, rcpt) == heard, rcpt
        assert sink.taken == {
            "a+421-once@b.example": 1,
            "a+drop-taken-once@b.example": 2,
            "a+slow-0.05s+451-once@b.example": 1,
        }


async def test_a_counted_refusal_counts_for_each_sender(clients: list[Client]) -> None:
    async with Sink() as sink:
        client = await connect(sink, clients)
        await client.say(b"EHLO c\r\n")
        heard = []
        for sender in (b"one@example.org", b"two@example.org", b"one@example.org"):
            said = await client.say(
                b"RSET\r\nMAIL FROM:<" + sender + b">\r\nRCPT TO:<a+450-once@b.example>\r\n", replies=3
            )
            heard.append(said[2][:3])
        assert heard == ["450", "450", "250"]


async def test_a_policy_answers_at_every_moment_and_hears_the_end(clients: list[Client]) -> None:
    asked: list[tuple[Moment, int, str]] = []

    def policy(ask: Ask) -> Answer:
        asked.append((ask.moment, ask.connections, ask.rcpt))
        if ask.moment is Moment.CONNECT and ask.connections > 1:
            return Answer(reply=Reply(421, "4.7.0 Too many connections"), close=True)
        if ask.moment is Moment.MAIL and ask.taken:
            return Answer(reply=Reply(421, "4.7.0 Too many messages on this connection"), close=True)
        return Answer(reply=Reply(250, "2.0.0 Fine"))

    async with Sink(behaviour=policy) as sink:
        first = await connect(sink, clients)
        second = Client(*await asyncio.open_connection(sink.host, sink.port))
        clients.append(second)
        assert [await second.reply(), await second.reply()] == ["421 4.7.0 Too many connections", ""]
        await first.say(b"EHLO c\r\n")
        one = b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n"
        assert (await first.say(one, replies=3))[1] == "250 2.0.0 Fine"
        assert await first.say(b"x\r\n.\r\n") == ["250 2.0.0 Fine"]
        assert await first.say(one, replies=2) == ["421 4.7.0 Too many messages on this connection", ""]
    moments = [moment for moment, _, _ in asked]
    assert moments.count(Moment.CONNECT) == moments.count(Moment.CLOSED) == 2
    assert (Moment.DOT, 1, "a@b.example") in asked


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_starttls_encrypts_and_forgets_what_was_said_in_the_clear(run: Runner, tmp_path: Path) -> None:
    run(starttls(tmp_path))
    assert json.loads((tmp_path / "index.jsonl").read_text())["tls"] == "TLSv1.3"


async def starttls(store: Path) -> None:
    authority = trustme.CA()
    server, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(trusting)
    async with Sink(tls=server, store=store) as sink:
        client = await connect(sink, [])
        client.writer.write(b"EHLO c\r\n")
        offered = [await client.reader.readline() for _ in range(7)]
        assert b"250 STARTTLS\r\n" in offered
        assert (await client.say(b"STARTTLS\r\nMAIL FROM:<injected@example.org>\r\n"))[0][:3] == "220"
        await client.writer.start_tls(trusting, server_hostname="localhost")
        assert (await client.say(b"MAIL FROM:<>\r\n"))[0][:3] == "503"
        assert "STARTTLS" not in (await client.say(b"EHLO c\r\n"))[0]
        await client.say(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", replies=3)
        assert (await client.say(b"x\r\n.\r\n"))[0][:3] == "250"
        await client.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_failed_handshake_ends_the_connection(run: Runner) -> None:
    run(failed_handshake())


async def failed_handshake() -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(server)
    async with Sink(tls=server) as sink:
        client = await connect(sink, [])
        await client.say(b"EHLO c\r\nSTARTTLS\r\n", replies=2)
        client.writer.write(b"this is no handshake\r\n")
        assert b"250" not in await client.reader.read()
        await client.close()


async def test_a_store_that_cannot_be_written_refuses_for_now(clients: list[Client], tmp_path: Path) -> None:
    async with Sink(store=tmp_path) as sink:
        (tmp_path / "tmp").rmdir()
        assert await attempt(sink, clients, b"a@b.example") == ["250", "354", "452", "221"]
        assert sink.taken == {}


async def test_the_end_of_the_sink_is_said_to_open_connections(clients: list[Client]) -> None:
    async with Sink() as sink:
        client = await connect(sink, clients)
    assert await client.reply() == "421 4.3.2 sink.localhost is shutting down"
    assert await client.reply() == ""


PROCESS = "import asyncio; from worker.sink import Sink, run; asyncio.run(run(Sink(), json=True))"


async def test_the_process_says_where_it_listens_and_ends_at_sigterm(clients: list[Client]) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    where = json.loads(await process.stdout.readline())
    client = Client(*await asyncio.open_connection(where["host"], where["port"]))
    clients.append(client)
    assert await client.reply() == "220 sink.localhost ESMTP sink"
    process.terminate()
    assert await client.reply() == "421 4.3.2 sink.localhost is shutting down"
    assert await process.wait() == 0
    assert await process.stdout.read() == b""
