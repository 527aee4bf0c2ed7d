"""Log lines without mail addresses, where these are not to be written."""

import pytest

from worker.logging import Hashed

KEY = "a key that all workers share"


def line(**event: object) -> dict[str, object]:
    hashed: dict[str, object] = Hashed(KEY)(None, "info", event)
    return hashed


def test_an_address_is_the_same_hash_wherever_it_stands_and_however_it_is_written() -> None:
    written = line(rcpt="Ann@Example.net", text="550 5.1.1 <ann@example.net>: no such user", to=["ann@example.net."])
    mark = str(written["rcpt"])
    assert mark.startswith("#")
    assert len(mark) == 17
    assert written == {"rcpt": mark, "text": f"550 5.1.1 <{mark}>: no such user", "to": [mark]}


@pytest.mark.parametrize("address", ["ann@example.net", "münch@пример.рф", '"a b"@example.net', "a+b=c@x.example"])
def test_no_domain_and_no_local_part_is_left(address: str) -> None:
    written = str(line(text=f"user {address} unknown", inner={"rcpt": address}, fault=ValueError(address)))
    assert address.rpartition("@")[2] not in written
    assert "@" not in written


def test_an_apostrophe_between_letters_is_part_of_an_address_and_others_quote_one() -> None:
    irish = line(rcpt="o'brien@example.net")["rcpt"]
    assert str(irish).startswith("#")
    assert irish != line(rcpt="brien@example.net")["rcpt"]
    assert line(text="'ann@example.net'")["text"] == f"'{line(rcpt='ann@example.net')['rcpt']}'"


def test_another_key_makes_another_hash() -> None:
    assert line(rcpt="ann@example.net") != Hashed("a key of somebody else")(None, "info", {"rcpt": "ann@example.net"})


def test_what_is_no_address_stays_as_it_is() -> None:
    event = {"event": "attempt", "ms": 12, "code": None, "ok": True, "share": 0.5, "site": "mx.example.net"}
    assert line(**event) == event
