"""Octets to answers."""

from itertools import pairwise

import pytest
from aiosmtplib.errors import SMTPResponseException
from hypothesis import given
from hypothesis import strategies as st

from mta.reply import Reply, clean
from mta.smtp.answer import MAX_LINE, MAX_REPLY, Answer, Answers
from tests.fuzz import fuzzed


def read(*pieces: bytes) -> list[Answer]:
    answers, found = Answers(), []
    for piece in pieces:
        answers.feed(piece)
        while (answer := answers.take()) is not None:
            found.append(answer)
    return found


def test_a_reply_of_one_line() -> None:
    (answer,) = read(b"250 2.0.0 Ok\r\n")
    assert answer.code == 250
    assert answer.reply() == Reply(250, "2.0.0 Ok")


def test_the_lines_of_a_reply_are_joined_by_a_blank() -> None:
    (answer,) = read(b"550-5.7.1 We do not\r\n550 5.7.1 want you\r\n")
    assert answer.reply() == Reply(550, "5.7.1 We do not 5.7.1 want you")


def test_a_bare_carriage_return_begins_no_line() -> None:
    (answer,) = read(b"550 5.7.1 \rrefused\r\n")
    assert answer.reply() == Reply(550, "5.7.1 refused")


def test_a_code_alone_is_a_reply() -> None:
    assert [answer.reply() for answer in read(b"250\r\n354\n")] == [Reply(250, ""), Reply(354, "")]


def test_several_replies_may_come_at_once() -> None:
    assert [answer.code for answer in read(b"250 a\r\n550-b\r\n550 c\r\n354 d\r\n250 in part")] == [250, 550, 354]


def test_what_is_left_over_is_known() -> None:
    answers = Answers()
    answers.feed(b"250 a\r\n25")
    answers.take()
    assert answers
    answers.clear()
    assert not answers


def test_empty_lines_before_a_reply_are_skipped() -> None:
    assert [answer.reply() for answer in read(b"\r\n\n", b"\r\n550 no\r\n")] == [Reply(550, "no")]


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"2_5 ok\r\n",
        b"+25 ok\r\n",
        b" 250 ok\r\n",
        b"199 ok\r\n",
        b"600 ok\r\n",
        b"999 ok\r\n",
        b"25\r\n",
        b"2500 ok\r\n",
        b"250ok\r\n",
        b"250\tok\r\n",
        "２５０ ok\r\n".encode(),
        b"250-a\r\n\r\n250 b\r\n",
        b"550-no\r\n250 yes\r\n",
        b"250-yes\r\n550 no\r\n",
        b"\xff\xfe\x00\r\n",
    ],
)
def test_what_is_no_reply_is_garbage(octets: bytes) -> None:
    with pytest.raises(SMTPResponseException) as raised:
        read(octets)
    assert raised.value.code == -1


def test_a_line_is_at_most_8_kib() -> None:
    assert len(read(b"250 " + b"x" * (MAX_LINE - 4) + b"\n")) == 1
    with pytest.raises(SMTPResponseException):
        read(b"250 " + b"x" * (MAX_LINE - 3) + b"\n")


def test_a_line_without_end_is_given_up() -> None:
    with pytest.raises(SMTPResponseException):
        read(*[b"x" * 100] * 100)


def test_a_reply_is_at_most_32_kib() -> None:
    line = b"250-" + b"x" * 1018 + b"\r\n"
    assert len(read(line * 31, b"250 end\r\n")) == 1
    with pytest.raises(SMTPResponseException):
        read(*[line] * 33)
    assert 33 * len(line) > MAX_REPLY


def test_many_replies_are_not_one_long_one() -> None:
    assert len(read(b"250 x\r\n" * MAX_REPLY)) == MAX_REPLY


replies = st.builds(
    lambda code, texts: b"".join(
        b"%d%s%s\r\n" % (code, b" " if number == len(texts) - 1 else b"-", text) for number, text in enumerate(texts)
    ),
    st.integers(200, 599),
    st.lists(st.binary(max_size=60).filter(lambda text: b"\n" not in text), min_size=1, max_size=4),
)


@fuzzed
@given(st.lists(replies, max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_fuzz_how_a_stream_is_cut_into_pieces_does_not_matter(said: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(said)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    assert [answer.octets for answer in read(*pieces)] == said


@fuzzed
@given(
    st.lists(st.binary(max_size=80) | st.sampled_from([b"250", b" ", b"-", b"\r\n", b"\n", b"550-x\r\n"]), max_size=30)
)
def test_fuzz_whatever_comes_is_answers_or_garbage(pieces: list[bytes]) -> None:
    answers, fault = Answers(), None
    for piece in pieces:
        answers.feed(piece)
        try:
            while (answer := answers.take()) is not None:
                assert 200 <= answer.code < 600
        except SMTPResponseException as raised:
            fault = raised
            break
    assert fault is None or (fault.code, fault.message) == (-1, clean(fault.message))


@fuzzed
@given(replies)
def test_fuzz_the_text_of_a_reply_is_clean(said: bytes) -> None:
    (answer,) = read(said)
    reply = answer.reply()
    assert reply.text == clean(reply.text)
    assert reply.text == clean("\n".join(answer.lines()))
    reply.text.encode()
