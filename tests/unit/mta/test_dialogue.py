"""A transcript is short and readable, whatever a server said, and gives nothing away."""

from hypothesis import given
from hypothesis import strategies as st

from mta.dialogue import MAX_LINE, MAX_OCTETS, remark, transcript, veiled


def test_each_line_says_who_said_it() -> None:
    lines = [remark("to mx.example"), ("S", b"250-one\r\n250 two\r\n"), ("C", b"RCPT TO:<a@b.example>\r\n")]
    assert transcript(lines) == ("- to mx.example", "S 250-one", "S 250 two", "C RCPT TO:<a@b.example>")


def test_of_a_long_dialogue_the_beginning_and_the_end_are_kept() -> None:
    written = transcript([("S", b"250-%04d %s\r\n" % (number, b"x" * 90)) for number in range(1000)])
    assert (written[0][:10], written[-1][:10]) == ("S 250-0000", "S 250-0999")
    assert f"- {1000 - len(written) + 1} lines left out" in written


@given(st.lists(st.tuples(st.sampled_from("CS-"), st.binary(max_size=2000)), max_size=60))
def test_a_transcript_is_bounded_and_printable_whatever_was_said(lines: list[tuple[str, bytes]]) -> None:
    written = transcript(lines)
    assert sum(len(line.encode()) + 1 for line in written) <= MAX_OCTETS + 30
    assert all(len(line) <= MAX_LINE + 2 and "\0" not in line for line in written)


def test_of_a_login_only_its_mechanism_is_kept() -> None:
    assert veiled(b"AUTH PLAIN AGFubmEAc2VjcmV0\r\n") == b"AUTH PLAIN ***"
    assert veiled(b"AUTH LOGIN\r\n") == b"AUTH LOGIN"
    assert veiled(b"YW5uYQ==\r\n") == b"***"
