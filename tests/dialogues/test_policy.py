"""A policy's sites spoken to over sockets, and their process."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from worker.simulation.scenario import read
from worker.sink.audit import Audit
from worker.sink.sites import Ground, Sites

COMMAND = str(Path(sys.executable).with_name("campaign-mta"))


async def banner(port: int) -> tuple[str, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return (await reader.readline()).decode(), writer


async def end(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        await writer.wait_closed()


async def test_each_site_has_a_port_with_limits_of_its_own() -> None:
    scenario = read('[[site]]\nname = "one"\nlatency = 0\nmax_connections = 1\n[[site]]\nname = "two"\n', wave=False)
    async with Sites(scenario, Ground(), Audit()) as sites:
        assert set(sites.ports) == {"one", "two"}
        assert len({sites.port, *sites.ports.values()}) == 3
        greeted, first = await banner(sites.ports["one"])
        refused, second = await banner(sites.ports["one"])
        other, third = await banner(sites.ports["two"])
        assert [text[:3] for text in (greeted, refused, other)] == ["220", "421", "220"]
        await end(first, second, third)


async def test_replies_of_a_distant_site_come_in_order_and_whole() -> None:
    scenario = read('[[site]]\nname = "far"\nlatency = "30ms"\n', wave=False)
    async with Sites(scenario, Ground(), Audit()) as sites:
        reader, writer = await asyncio.open_connection("127.0.0.1", sites.ports["far"])
        commands = b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<r@far>\r\nDATA\r\nHi\r\n.\r\nQUIT\r\n"
        writer.write(commands)
        said = (await reader.read()).decode().splitlines()
        assert [text[:3] for text in said if text[3] == " "] == ["220", "250", "250", "250", "354", "250", "221"]
        await end(writer)


async def test_the_process_tells_its_ports_first_and_its_counts_last(tmp_path: Path) -> None:
    policy, audit = tmp_path / "policy.toml", tmp_path / "audit.jsonl"
    policy.write_text('[[site]]\nname = "one"\nlatency = 0\nmax_connections = 1\n')
    arguments = ["sink", "--json", "--port", "0", "--policy", str(policy), "--audit", str(audit)]
    process = await asyncio.create_subprocess_exec(COMMAND, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())
    assert first.keys() == {"host", "port", "sites"}
    _, writer = await banner(first["sites"]["one"])
    _, refused = await banner(first["sites"]["one"])
    await end(writer, refused)
    process.send_signal(signal.SIGTERM)
    counts = json.loads(await process.stdout.read())["sites"]["one"]
    assert await process.wait() == 0
    assert (counts["connections"], counts["throttled"], counts["peak_connections"]) == (1, 1, {"127.0.0.1": 1})
    events = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [event["what"] for event in events] == ["connect", "crowded", "close"]


@pytest.mark.parametrize("given", [["--policy", "missing.toml"], ["--audit", "events.jsonl"]])
async def test_a_policy_that_cannot_be_used_is_wrong_usage(given: list[str], tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "sink", *given, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert given[0].strip("-") in said.decode() or given[1] in said.decode()


async def test_every_fault_of_a_policy_is_named_at_once(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[site]]\nname = "a"\nspeed = 1\n[[site]]\nname = "a"\nmax_rate = "often"\n')
    process = await asyncio.create_subprocess_exec(
        COMMAND, "sink", "--policy", str(policy), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    lines = said.decode().splitlines()
    assert process.returncode == 2
    assert all(line.startswith(f"{policy}: ") for line in lines)
    assert [line.split(": ")[1] for line in lines] == ["site[0].speed", "site[1].max_rate", "site"]
