"""A server that takes every mail, counts what is open, and can be told to wait."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Obliging:
    """`limit`: messages of one connection, then 421, or the end without a word if `mute`; `gate`: final dots are answered
    only while it is set."""

    pipelining: bool = True
    limit: int = 1_000_000
    mute: bool = False
    open: int = 0
    most_open: int = 0
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    dots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released at each final dot that is heard."""

    def __post_init__(self) -> None:
        self.gate.set()
        self._playing: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return int(self._listening.sockets[0].getsockname()[1])

    async def __aenter__(self) -> "Obliging":
        self._listening = await asyncio.start_server(self._met, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        self.gate.set()
        if self._playing:
            await asyncio.wait(self._playing, timeout=10)
        await self._listening.wait_closed()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._playing.add(task)
        self.open += 1
        self.connections += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self._serve(reader, writer)
        except OSError:
            pass
        finally:
            self.open -= 1
            self._playing.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages, recipient = 0, ""
        writer.write(b"220 mx ESMTP\r\n")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            match line.split(" ")[0].split(":")[0]:
                case "EHLO":
                    writer.write(b"250-mx\r\n250 PIPELINING\r\n" if self.pipelining else b"250 mx\r\n")
                case "MAIL" if messages >= self.limit:
                    writer.write(b"" if self.mute else b"421 4.7.0 That is enough\r\n")
                    return
                case "RCPT":
                    recipient = line.removeprefix("RCPT TO:<").removesuffix(">")
                    writer.write(b"550 5.1.1 No\r\n" if recipient.startswith("no") else b"250 Ok\r\n")
                case "DATA" if recipient.startswith("no"):
                    writer.write(b"554 No valid recipients\r\n")
                case "DATA":
                    writer.write(b"354 Go\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    self.dots.release()
                    await self.gate.wait()
                    messages += 1
                    self.taken.append(recipient)
                    writer.write(b"250 Taken\r\n")
                case "QUIT":
                    writer.write(b"221 Bye\r\n")
                    return
                case _:
                    writer.write(b"250 Ok\r\n")
