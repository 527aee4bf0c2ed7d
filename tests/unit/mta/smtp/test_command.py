"""Commands and messages as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.envelope import Envelope
from mta.smtp import Mail, Offers
from mta.smtp.command import envelope_commands, in_chunks, keywords, offers, safe, stuffed
from tests.fuzz import fuzzed


async def compose(_: Offers) -> bytes:
    return b""


def mail(sender: str, recipient: str) -> Mail:
    return Mail(envelope=Envelope(sender, recipient), compose=compose)


def test_a_plain_server_hears_plain_commands() -> None:
    commands = envelope_commands(mail("a@x.example", "b@y.example"), b"caf\xc3\xa9\r\n", Offers(), b"DATA\r\n")
    assert commands == [b"MAIL FROM:<a@x.example>\r\n", b"RCPT TO:<b@y.example>\r\n", b"DATA\r\n"]


def test_the_null_sender_stays_empty() -> None:
    assert envelope_commands(mail("", "b@y.example"), b"", Offers(), b"")[0] == b"MAIL FROM:<>\r\n"


def test_what_is_offered_is_used_where_it_is_needed() -> None:
    rich = Offers(eightbitmime=True, smtputf8=True, size=1000)
    sender = envelope_commands(mail("ü@x.example", "b@y.example"), b"caf\xc3\xa9\r\n", rich, b"")[0]
    assert sender == "MAIL FROM:<ü@x.example> SIZE=7 BODY=8BITMIME SMTPUTF8\r\n".encode()
    assert (
        envelope_commands(mail("a@x.example", "b@y.example"), b"x\r\n", rich, b"")[0]
        == b"MAIL FROM:<a@x.example> SIZE=3\r\n"
    )


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "<", ">", "\x7f", "\t"])
def test_nothing_in_an_address_can_end_a_command(bad: str) -> None:
    assert not safe(Envelope("a@x.example", f"b{bad}@y.example"))
    assert not safe(Envelope(f"a{bad}@x.example", "b@y.example"))


@pytest.mark.parametrize("good", ["a@x.example", "", '"a b"@x.example', "ü@x.example", "a+b=c@x.example"])
def test_ordinary_addresses_are_safe(good: str) -> None:
    assert safe(Envelope(good, "b@y.example"))


@fuzzed
@given(st.text(), st.text())
def test_fuzz_a_safe_envelope_makes_two_lines_and_no_more(sender: str, recipient: str) -> None:
    envelope = Envelope(sender, recipient)
    try:
        (sender + recipient).encode()
    except UnicodeEncodeError:
        return
    if safe(envelope):
        text = b"".join(envelope_commands(Mail(envelope=envelope, compose=compose), b"", Offers(smtputf8=True), b""))
        assert text.count(b"\r") == text.count(b"\n") == text.count(b"\r\n") == 2
        assert text.count(b"<") == text.count(b">") == 2


@pytest.mark.parametrize(
    ("content", "travels"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".a\r\n", b"..a\r\n.\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"..\r\n.\r\n", b"...\r\n..\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_at_the_beginning_of_lines(content: bytes, travels: bytes) -> None:
    assert stuffed(content) == travels


@fuzzed
@given(st.lists(st.sampled_from([b".", b"..", b"a", b".a", b"a.", b""])))
def test_fuzz_a_stuffed_message_ends_at_its_final_dot_and_can_be_read_back(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    *travels, dot, nothing = stuffed(content).split(b"\r\n")
    assert (dot, nothing) == (b".", b"")
    assert b"." not in travels
    assert [line[1:] if line.startswith(b".") else line for line in travels] == lines


def test_chunks_are_for_what_is_large_or_binary_where_they_are_offered() -> None:
    chunking = Offers(chunking=True)
    assert in_chunks(b"a\0b\r\n", chunking)
    assert in_chunks(b"x" * 1_000_000, chunking)
    assert not in_chunks(b"small\r\n", chunking)
    assert not in_chunks(b"a\0b\r\n", Offers())


def test_offers_are_read_in_any_case_and_old_spelling() -> None:
    words = keywords("mx.example greets you\nSize 35882577\nPipelining\n8bitMIME\nauth PLAIN login\nAUTH=CRAM-MD5")
    assert offers(words) == Offers(eightbitmime=True, pipelining=True, size=35882577)
    assert set(words["auth"].lower().split()) == {"plain", "login", "cram-md5"}


@pytest.mark.parametrize("size", ["", "0", "-5", "many", "１００", "9" * 5000])
def test_a_size_that_is_none_limits_nothing(size: str) -> None:
    assert offers({"size": size}).size is None


def test_the_name_in_the_greeting_is_no_offer() -> None:
    assert "pipelining" not in keywords("PIPELINING\nSIZE 10")
