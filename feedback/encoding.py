"""Replies that are not ASCII, read as their servers meant them.

A reply should be ASCII or UTF-8 (RFC 6531 section 3.7.4.1); older servers write what their system writes. What could not
be read as UTF-8 arrives as `\\xe9` (`mta.reply.clean`); here it becomes a letter again, where it is clear which.
"""

import re
from contextlib import suppress

_ESCAPE = re.compile(r"\\x[0-9a-f]{2}")
_OCTET = re.compile(rb"\\x([0-9a-f]{2})")
_OCTETS = {b"%02x" % octet: bytes([octet]) for octet in range(256)}
_ALONE = re.compile(r"(?<![0-9a-f])(?<!\\x[0-9a-f]{2})\\x[0-9a-f]{2}(?!\\x)")
_TWICE = re.compile("[\u00c2-\u00f4][\u0080-\u00bf]")


def mended(text: str) -> str:
    """`text` with escaped octets as letters, and UTF-8 that was taken for Latin-1 on its way put right."""
    if _TWICE.search(text):
        return _once(text)
    return _letters(text) if "\\x" in text else text


def _once(text: str) -> str:
    try:
        raw = _octets(text, "latin-1")
    except UnicodeEncodeError:
        return text
    read = raw.decode("utf-8", "ignore")
    # What is lost are letters that were cut on their way; many of them would mean that it was no UTF-8 after all.
    return read if len(raw) - len(read.encode()) <= len(raw) // 20 else text


def _letters(text: str) -> str:
    raw = _octets(text, "utf-8")
    # Octets that stand alone are accented letters of the West; in pairs they are Chinese, which is what the servers
    # that still answer in two-octet sets write.
    western = len(_ALONE.findall(text)) * 2 > len(_ESCAPE.findall(text))
    for encoding in ("utf-8", "cp1252", "latin-1") if western else ("utf-8", "gb18030", "cp1252", "latin-1"):
        with suppress(UnicodeError):
            return raw.decode(encoding)
    return text


def _octets(text: str, encoding: str) -> bytes:
    return _OCTET.sub(lambda found: _OCTETS[found[1]], text.encode(encoding))
