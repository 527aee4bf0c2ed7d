from pathlib import Path

import pytest

from worker.recipients import BadList, Faulty, Met, Recipient, Recipients


@pytest.fixture
def listed(tmp_path: Path) -> "Write":
    return Write(tmp_path / "list.csv")


class Write:
    """Makes a list of given octets."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, octets: bytes) -> Recipients:
        self.path.write_bytes(octets)
        return Recipients(self.path)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("separator", [b",", b";"])
def test_both_separators_and_line_ends_are_read_with_or_without_a_mark(
    mark: bytes, end: bytes, separator: bytes, listed: Write
) -> None:
    rows = [b"email,name", "zoë@Example.NET, Zoë ".encode(), b"", b'b@example.net,"Lee', b'""Ann"""', b"c@example.net,"]
    recipients = listed(mark + end.join(row.replace(b",", separator) for row in rows))
    assert recipients.columns == ("email", "name")
    seen = [row for row in recipients if isinstance(row, Recipient)]
    assert [(row.line, str(row.mailbox), row.values["name"]) for row in seen] == [
        (2, "zoë@example.net", "Zoë"),
        (4, "b@example.net", f'Lee{end.decode()}"Ann"'),
        (6, "c@example.net", ""),
    ]
    assert len(list(recipients)) == 3


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"", "1: a column named email is needed; the columns are: none"),
        (b"Email,name\n", "1: a column named email is needed; the columns are: Email, name"),
        (b"email,,name\n", "1: column 2 has no name"),
        (b"email,a,a\n", "1: two columns are named a"),
        (b"email,\xff\n", "1: not UTF-8: octet 0xff at column 7"),
        (b'"email" x,a\n', "1: not CSV: ',' expected after '\"'"),
    ],
)
def test_a_header_that_is_none_is_named_with_file_and_line(octets: bytes, fault: str, listed: Write) -> None:
    with pytest.raises(BadList) as raised:
        listed(octets)
    assert str(raised.value) == f"{listed.path}:{fault}"


def test_a_missing_file_or_a_pipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadList, match=r"none\.csv: No such file or directory"):
        Recipients(tmp_path / "none.csv")
    with pytest.raises(BadList, match="not a file"):
        Recipients(tmp_path)


def test_faulty_rows_are_told_with_their_line_and_the_rest_goes_on(listed: Write) -> None:
    recipients = listed(b"email,n\n@b.example,1\na@b.example\nc@b.example,1,2\n\nd@b.example,3\ne@-.example,4\n")
    assert [(row.line, row.fault) for row in recipients if isinstance(row, Faulty)] == [
        (2, "email '@b.example' has no local part"),
        (3, "1 fields, but the header has 2"),
        (4, "3 fields, but the header has 2"),
        (7, "email 'e@-.example' has a domain that is none: '-'"),
    ]
    assert [row.line for row in recipients if isinstance(row, Recipient)] == [6]


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"a\xc3@b.example\n", "not UTF-8: octet 0xc3 at column 2"),
        (b'"a@b.example\n', "not CSV: unexpected end of data"),
    ],
)
def test_what_cannot_be_read_on_ends_the_list(octets: bytes, fault: str, listed: Write) -> None:
    rows = list(listed(b"email\nx@b.example\n" + octets))
    assert isinstance(rows[0], Recipient)
    assert rows[1:] == [Faulty(3, fault)]


def test_spellings_of_one_address_have_one_digest_and_others_have_their_own(listed: Write) -> None:
    rows = list(listed("email\nA@bücher.example\na@XN--BCHER-KVA.example\nb@bücher.example\n".encode()))
    digests = [row.digest for row in rows if isinstance(row, Recipient)]
    assert digests[0] == digests[1] != digests[2]


def test_a_digest_is_met_for_the_first_time_once() -> None:
    with Met() as met:
        assert [met.first(digest) for digest in (b"a", b"b", b"a", b"b", b"c")] == [True, True, False, False, True]
