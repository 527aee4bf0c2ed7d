"""`send` stopped in the middle, by its user or for good, goes on when it is run again, and nothing is sent twice."""

import asyncio
import signal
from collections import Counter

import pytest

from tests.acceptance.installation import Installation
from tests.services.depth import ready

ADDRESSES = [f"r{number}@d{number % 20}.example.net" for number in range(1000)]
FILLING = "This line makes the message as long as a newsletter is.\n" * 500


@pytest.mark.long
def test_a_list_whose_sending_was_stopped_twice_reaches_every_recipient_once(
    installation: Installation, amqp_url: str, sink_port: int
) -> None:
    installation.route("*.example.net", sink_port)
    message = installation.folder / "long.eml"
    message.write_text(f"From: zoe@riverside.example\nSubject: {{first_name}}\n\n{FILLING}", encoding="utf-8")
    order = (
        *("send", "--delivery", "stopped", "--mail-from", "bounce@news.riverside.example"),
        *("--recipients", str(installation.recipients(ADDRESSES)), "--message", str(message)),
    )
    queued = 0
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        sending = installation.start(*order)
        asyncio.run(_more_than(queued, amqp_url, f"{installation.prefix}.bulk"))
        sending.send_signal(number)
        assert sending.wait(60) == code, installation.logs()
        before, queued = queued, asyncio.run(ready(amqp_url, f"{installation.prefix}.bulk")) or 0
        assert 0 < queued - before < len(ADDRESSES)
    assert "the same command again enqueues the rest and sends nothing twice" in installation.logs()

    with installation.running("tracker"), installation.running("worker"):
        installation.run(*order)
        figures = installation.until("stopped", lambda f: f["sent"] == len(ADDRESSES))
        installation.run(*order)
        installation.send("after", ["last@x.example.net"])
        installation.until("after", lambda f: f["sent"] == 1)
    assert (figures["accepted"], figures["failed"], figures["in_flight"]) == (len(ADDRESSES), 0, 0)
    assert Counter(mail["rcpt"] for mail in installation.index()) == Counter([*ADDRESSES, "last@x.example.net"])
    installation.run("reconcile")


async def _more_than(count: int, url: str, queue: str) -> None:
    """Wait until there are more jobs in a queue, which may not be there yet."""
    async with asyncio.timeout(60):
        while (await ready(url, queue) or 0) <= count:
            pass
