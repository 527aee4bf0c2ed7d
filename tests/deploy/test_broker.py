"""The broker's users: each can do its work, and nothing else."""

import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import aio_pika
import aiormq
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import AMQPError, ChannelAccessRefused

from tests.acceptance.installation import Installation, sink
from tests.services.rabbitmq import RabbitNode
from worker.queue.rabbit import line as queues
from worker.queue.rabbit.link import Wire
from worker.queue.rabbit.names import Names, held_key
from worker.queue.rabbit.register import Register

DEPLOY = Path(__file__).parents[2] / "deploy"
SETTINGS = """\
[broker]
url_file = "{secrets}/{user}.url"
[store]
url = "{store}"
[[route]]
domain = "*"
hosts = ["127.0.0.1:{port}"]
"""
USERS = ("mta-campaign", "mta-worker", "mta-tracker", "mta-operator", "mta-scaler")


@pytest.fixture(scope="module")
def secrets(rabbitmq_node: RabbitNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the users in the definitions, which the broker has imported."""
    folder = tmp_path_factory.mktemp("secrets")
    address = rabbitmq_node.url.rpartition("@")[2].rstrip("/")
    subprocess.run([DEPLOY / "secrets", folder, "--broker", address], check=True)
    rabbitmq_node.ctl("import_definitions", given=(folder / "definitions.json").read_text())
    yield folder
    rabbitmq_node.ctl("delete_vhost", "mta")


def test_a_message_passes_from_the_campaigns_user_by_the_workers_to_the_trackers(
    secrets: Path, rabbitmq_node: RabbitNode, database_url: str, tmp_path: Path
) -> None:
    def installation(user: str, port: int) -> Installation:
        folder = tmp_path / user
        folder.mkdir()
        settings = SETTINGS.format(secrets=secrets, user=user, store=database_url, port=port)
        return Installation(folder, settings, database_url, "mta")

    with ExitStack() as running:
        port = running.enter_context(sink(tmp_path))
        campaign, worker, tracker = (installation(f"mta-{who}", port) for who in ("campaign", "worker", "tracker"))
        said = campaign.run("doctor", expect=1)
        assert "a worker has to start first" in " ".join(said.split())
        running.enter_context(tracker.running("tracker"))  # before there is a worker, whose work it is to declare
        running.enter_context(worker.running("worker"))
        worker.wait(lambda: "working" in worker.logs(), "the worker")
        campaign.send("d", [f"r{number}@x.example" for number in range(20)])
        tracker.until("d", lambda figures: figures["sent"] == 20)
    tracker.run("reconcile")
    listed = rabbitmq_node.ctl("list_queues", "--no-table-headers", "-p", "mta", "name", "policy")
    assert {line.split("\t")[0] for line in listed.splitlines() if "mta-kept" in line} == {
        "mta.feedback",
        "mta.rejected",
    }


async def test_the_workers_user_may_make_and_remove_a_busy_sites_queues(secrets: Path) -> None:
    url, names = (secrets / "mta-worker.url").read_text().strip(), Names("mta")
    wire = Wire(await aio_pika.connect(url))
    async with Register(names).page(wire) as page:
        await page.add("busy.example")
        await queues.declare(wire, names, "busy.example")
        channel = await wire.channel()
        await channel.exchange_bind(names.bulk_of("busy.example"), names.tickets, "bulk.busy.example")
        await channel.basic_publish(b"{}", exchange=names.held, routing_key=held_key("busy.example"))
        assert await queues.waiting(wire, names, "busy.example") == (1, 0)
        await queues.divert(wire, names, "busy.example")
        await queues.remove(wire, names, "busy.example")
        await page.strike("busy.example")
    await wire.close()


Deed = Callable[[AbstractChannel], Awaitable[object]]
DEEDS: dict[str, Deed] = {
    "publish a job": lambda channel: channel.basic_publish(b"{}", exchange="mta.jobs", routing_key="bulk.x.example"),
    "forge feedback": lambda channel: channel.basic_publish(b"{}", exchange="mta.feedback", routing_key="events"),
    "put a ticket past the exchange": lambda channel: channel.basic_publish(b"{}", routing_key="mta.bulk"),
    "take tickets": lambda channel: channel.basic_get("mta.bulk"),
    "take a busy site's tickets": lambda channel: channel.basic_get("mta.bulk.busy"),
    "take feedback": lambda channel: channel.basic_get("mta.feedback"),
    "take rejected jobs": lambda channel: channel.basic_get("mta.rejected"),
    "throw away tickets": lambda channel: channel.queue_purge("mta.transactional"),
    "delete a queue": lambda channel: channel.queue_delete("mta.bulk.busy"),
    "lead jobs elsewhere": lambda channel: channel.queue_bind("mta.bulk", "mta.jobs", "#"),
    "listen in on jobs": lambda channel: channel.queue_bind("mine", "mta.jobs", "#"),
    "make a queue": lambda channel: channel.queue_declare("mine"),
    "make a queue of the prefix": lambda channel: channel.queue_declare("mta.mine"),
    "make an exchange": lambda channel: channel.exchange_declare("mine"),
    "read a queue's depth": lambda channel: channel.queue_declare("mta.bulk", passive=True),
}
MAY = {
    "mta-campaign": {"publish a job"},
    "mta-worker": {
        "publish a job",  # reports on TLS
        "forge feedback",
        "put a ticket past the exchange",
        "take tickets",
        "take a busy site's tickets",
        "take feedback",  # exchange and queue have one name, and whoever binds them must read from it
        "throw away tickets",
        "delete a queue",  # of sites that are busy no more
        "lead jobs elsewhere",
    },
    "mta-tracker": {"take feedback"},
    "mta-operator": {"publish a job", "take rejected jobs"},
    "mta-scaler": set(),
}


async def may(url: str, deed: Deed) -> bool:
    """Whether the broker lets a user do it; it may have other reasons to refuse."""
    connection = await aiormq.connect(url)
    try:
        await deed(await connection.channel(on_return_raises=True))
    except ChannelAccessRefused:
        return False
    except AMQPError:
        return True
    finally:
        await connection.close()
    return True


@pytest.mark.parametrize("user", USERS)
async def test_a_user_may_do_its_work_and_nothing_else(user: str, secrets: Path) -> None:
    url = (secrets / f"{user}.url").read_text().strip()
    done = {name for name, deed in DEEDS.items() if await may(url, deed)}
    assert done == MAY[user] | {"read a queue's depth"}


@pytest.mark.parametrize("user", USERS)
async def test_a_user_comes_into_no_other_vhost(user: str, secrets: Path) -> None:
    url = (secrets / f"{user}.url").read_text().strip().removesuffix("mta")
    with pytest.raises(AMQPError):
        await aiormq.connect(url)
