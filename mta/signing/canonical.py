"""The relaxed canonicalisations of RFC 6376 section 3.4, in few passes.

dkimpy does the same with regular expressions over the whole message, which is most of the time a signature takes beside
the RSA step. Both functions want CRLF line ends with no other CR or LF, as `mta.message` leaves them.
"""


def relaxed_header(section: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a header section: names in lower case, values unfolded and with single blanks, each ending in
    CRLF (section 3.4.2)."""
    unfolded = section.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    lines = _single_blanks(unfolded).split(b"\r\n")
    fields = [line.partition(b":") for line in lines if line]
    return [(name.lower(), value.strip(b" ") + b"\r\n") for name, _, value in fields]


def relaxed_body(body: bytes) -> bytes:
    """Runs of blanks and tabs become one blank, blanks at line ends and empty lines at the end go (section 3.4.4)."""
    # Never in base64, seldom in text that is not indented. Backwards such a search takes half as long as `in`.
    if b"\t" in body or body.rfind(b"  ") >= 0 or body.rfind(b" \r\n") >= 0:
        body = _relaxed_lines(body)
    kept = body.rstrip(b"\r\n")
    return kept + b"\r\n" if kept else b""


def _relaxed_lines(body: bytes) -> bytes:
    body = body.replace(b"\t", b" ")
    # Stripping all white space is the fastest, and right where blanks are the only white space.
    blank = b" \r" if b"\v" in body or b"\f" in body else None
    # Indentation is nearly all there is of long runs; one step per line is cheaper than many passes over all of them.
    lines = [b" " + text if (text := line.strip(blank)) and line[:1] == b" " else text for line in body.split(b"\n")]
    return _single_blanks(b"\r\n".join(lines))


def _single_blanks(octets: bytes) -> bytes:
    octets = octets.replace(b"\t", b" ")
    # Each pass halves every run: few passes, and linear over all.
    while b"  " in octets:
        octets = octets.replace(b"  ", b" ")
    return octets
