"""What stands in SMTP commands and between DATA and the final dot (RFC 5321 section 4), without any connection."""

import re
from dataclasses import dataclass

from mta.reply import Reply

TOO_BIG = Reply(552, "5.3.4 Message size exceeds the limit of this system")

_PATH = re.compile(r'\s*<((?:[^<>"\s]|"(?:[^"\\]|\\.)*")*)>(?:\s+(.*\S))?\s*')
_END = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Sender:
    """What MAIL said. `body` is `7BIT` or `8BITMIME`."""

    address: str
    body: str = "7BIT"
    smtputf8: bool = False


def parse_mail(text: str, size: int) -> Sender | Reply:
    """What follows MAIL, or the reply that refuses it; `size` is the largest message in octets."""
    path = _path(text, "FROM:")
    if path is None:
        return Reply(501, "5.1.7 Bad sender address syntax")
    address, parameters = path
    body, smtputf8 = "7BIT", False
    for parameter in parameters.upper().split():
        key, _, value = parameter.partition("=")
        match key:
            case "SIZE" if value.isascii() and value.isdigit():
                if int(value[:20]) > size:
                    return TOO_BIG
            case "BODY" if value in ("7BIT", "8BITMIME"):
                body = value
            case "SMTPUTF8" if parameter == "SMTPUTF8":
                smtputf8 = True
            case _:
                return Reply(555, f"5.5.4 Parameter not recognised: {parameter[:60]}")
    return _utf8_fault(address, smtputf8) or Sender(address, body, smtputf8)


def parse_rcpt(text: str, smtputf8: bool) -> str | Reply:
    """The recipient that follows RCPT, or the reply that refuses it."""
    path = _path(text, "TO:")
    if path is None or not path[0]:
        return Reply(501, "5.1.3 Bad recipient address syntax")
    address, parameters = path
    if parameters:
        return Reply(555, "5.5.4 RCPT takes no parameters here")
    return _utf8_fault(address, smtputf8) or address


def _utf8_fault(address: str, smtputf8: bool) -> Reply | None:
    if address.isascii() or smtputf8:
        return None
    return Reply(553, "5.6.7 Address needs SMTPUTF8")  # RFC 6531 section 3.5


def _path(text: str, keyword: str) -> tuple[str, str] | None:
    """The address between angle brackets behind FROM: or TO:, and the parameters after it."""
    if text[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.fullmatch(text[len(keyword) :])
    if found is None:
        return None
    address: str = found[1]
    if address.startswith("@") and ":" in address:  # a source route is ignored (RFC 5321 appendix C)
        address = address.partition(":")[2]
    if address and not all(address.rpartition("@")[::2]):
        return None
    return address, found[2] or ""


class Content:
    """One message on its way in, after DATA. Only `CRLF . CRLF` ends it: a server that is generous here lets messages be
    smuggled past it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._searched = 0
        self._overflowed = False

    def take(self, buffer: bytearray) -> bytes | Reply | None:
        """Take the message out of the buffer, up to its end, dot-stuffing undone; `TOO_BIG` in its place, or None while
        its end has not come."""
        if self._searched < 3 and buffer.startswith(_END[2:]):
            del buffer[:3]
            return b""
        end = buffer.find(_END, max(0, self._searched - 4))
        if end < 0:
            self._wait(buffer)
            return None
        # Every line that begins with a dot loses it (RFC 5321 section 4.5.2); the first line has no CRLF before it.
        first = 1 if buffer[:1] == b"." else 0
        content = bytes(buffer[first : end + 2]).replace(b"\r\n.", b"\r\n")
        del buffer[: end + 5]
        return TOO_BIG if self._overflowed or len(content) > self._size else content

    def _wait(self, buffer: bytearray) -> None:
        self._searched = len(buffer)
        if self._searched > self._size + self._size // 8 + 4:  # with room for the dots that were put in
            self._overflowed = True
            del buffer[:-4]
            self._searched = 4
