"""`campaign-mta dkim keygen | record | check`: what is printed, and how it ends."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mta.signing.key import Key, KeyFile, load
from mta.signing.published import record as record_of
from tests.nameserver import Nameserver, Script, serving
from worker.command.dkim import Wanted, check, keygen, record
from worker.settings import DkimEntry, Dns, Settings

WANTED = Wanted("example.com", "s1", None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings()


def made(settings: Settings, *, ed25519: bool = False) -> Key:
    assert keygen(settings, WANTED, ed25519=ed25519, json=True) == 0
    key = load(KeyFile("example.com", "s1", Path("example.com.s1.pem")))
    assert isinstance(key, Key)
    return key


@pytest.mark.parametrize("ed25519", [False, True])
def test_a_key_is_made_and_its_record_printed_then_and_later(
    settings: Settings, ed25519: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = record_of(made(settings, ed25519=ed25519))
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"name": "s1._domainkey.example.com", "type": "TXT", "text": expected.text}
    assert record(settings, WANTED, json=False) == 0
    assert capsys.readouterr().out == expected.zone_line + "\n"


def test_a_key_that_is_there_is_neither_replaced_nor_a_missing_one_made_up(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(settings, WANTED, json=True) == 1
    made(settings)
    octets = Path("example.com.s1.pem").read_bytes()
    assert keygen(settings, WANTED, ed25519=False, json=True) == 1
    assert Path("example.com.s1.pem").read_bytes() == octets
    assert "exists" in capsys.readouterr().err


def test_the_key_that_the_configuration_names_is_the_one_meant(settings: Settings, tmp_path: Path) -> None:
    entry = DkimEntry(domain="Example.COM", selector="s1", key_file=tmp_path / "own.pem")
    configured = settings.model_copy(update={"dkim": [entry]})
    assert keygen(configured, WANTED, ed25519=False, json=True) == 0
    assert (tmp_path / "own.pem").exists()


@pytest.fixture
def publish() -> Iterator["Publish"]:
    made = Publish()
    yield made
    made.close()


class Publish:
    """A nameserver beside the command, which has a loop of its own."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, settings: Settings, zone: dict[str, Script | list[Script]]) -> Settings:
        """The settings with a nameserver that knows this."""
        found: list[str] = []
        ready = threading.Event()

        async def serve() -> None:
            async with serving(Nameserver(zone)) as nameserver:
                found.append(nameserver.address)
                ready.set()
                await asyncio.to_thread(self._end.wait)

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()))
        self._thread.start()
        ready.wait(10)
        return settings.model_copy(update={"dns": Dns(nameservers=found)})

    def close(self) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()


def test_what_is_published_is_compared_with_the_key(
    settings: Settings, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    key = made(settings)
    strings = record_of(key).zone_line.partition("( ")[2].removesuffix(" )")
    known = publish(settings, {"s1._domainkey.example.com TXT": (strings,)})
    capsys.readouterr()
    assert check(known, WANTED, json=False) == 0
    assert capsys.readouterr().out == "s1._domainkey.example.com is published and matches the key\n"
    assert check(known, WANTED, json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"faults": [], "notes": []}


def test_a_key_that_is_not_published_is_a_fault(
    settings: Settings, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    made(settings)
    known = publish(settings, {})
    capsys.readouterr()
    assert check(known, WANTED, json=True) == 1
    assert json.loads(capsys.readouterr().out) == {
        "faults": ["nothing is published at s1._domainkey.example.com"],
        "notes": [],
    }
