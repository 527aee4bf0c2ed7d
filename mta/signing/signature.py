"""DKIM signatures over a message (RFC 6376): relaxed/relaxed, the whole body, protected against added header fields.

The body is hashed once for all keys, and so is the header but for each key's own DKIM-Signature field.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache

from dkim import select_headers
from msgspec import Struct

from mta.recode import split
from mta.signing.canonical import relaxed_body, relaxed_header
from mta.signing.key import Key
from mta.signing.multibuffer import sign_together

_OVERSIGNED = tuple(b"from to cc subject date message-id reply-to list-unsubscribe list-unsubscribe-post".split())
"""Named once more than they occur, so that none can be added without breaking the signature (RFC 6376 section 8.15)."""

_SIGNED = frozenset(
    b"sender mime-version content-type content-transfer-encoding content-id content-description in-reply-to references "
    b"feedback-id list-id list-help list-subscribe list-post list-owner list-archive auto-submitted cfbl-address "
    b"cfbl-feedback-id".split()
)
"""Signed as often as they occur."""


class _Field(Struct, frozen=True):
    """A DKIM-Signature that lacks only the signature: its tags as they are signed, unfolded, and the digest to sign."""

    key: Key
    tags: bytes
    digest: bytes

    def written(self, signature: bytes) -> bytes:
        """The whole field. It is folded at its blanks, which relaxing undoes."""
        text = b64encode(signature)
        folds = [text[at : at + 72] for at in range(0, len(text), 72)]
        field = self.tags.replace(b"; ", b";\r\n\t").replace(b": ", b":\r\n\t ")
        return b"DKIM-Signature: %b%b\r\n" % (field, b"\r\n\t ".join(folds))


class Unsigned(Struct, frozen=True):
    """A message that lacks only the signatures."""

    octets: bytes
    fields: Sequence[_Field]

    @property
    def digests(self) -> list[tuple[Key, bytes]]:
        """What is to be signed, and by whom."""
        return [(field.key, field.digest) for field in self.fields]

    def signed(self, signatures: Iterable[bytes]) -> bytes:
        """The message with a DKIM-Signature for each key before it; the signatures are those of `digests`."""
        made = [field.written(each) for field, each in zip(self.fields, signatures, strict=True)]
        return b"".join([*made, self.octets])


def sign(octets: bytes, keys: Iterable[Key], now: float) -> bytes:
    """The message with a DKIM-Signature for each key before it.

    `octets` is a legal message (`Draft.octets`). `now` (POSIX seconds) becomes t=. Linear in the message's size; the GIL
    is free during the RSA step, and while a large body is hashed.
    """
    begun = hashed(octets, keys, now)
    return begun.signed(sign_together(begun.digests))


def hashed(octets: bytes, keys: Iterable[Key], now: float) -> Unsigned:
    """The first half of `sign`."""
    return Unsigned(octets, _fields(octets, keys, now))


def _fields(octets: bytes, keys: Iterable[Key], now: float) -> list[_Field]:
    section, body = split(octets)
    fields = relaxed_header(section)
    names, order = _selection(tuple([name for name, _ in fields]))
    header = hashlib.sha256(b"".join([b"%b:%b" % fields[index] for index in order]))
    body_hash = b64encode(hashlib.sha256(relaxed_body(body)).digest())
    return [_field(key, b"t=%d; h=%b; bh=%b" % (now, names, body_hash), header.copy()) for key in keys]


def _field(key: Key, common: bytes, header: "hashlib._Hash") -> _Field:
    """`header` has hashed the fields that are signed; this one comes last, relaxed, with an empty b= and without a CRLF
    (RFC 6376 section 3.7)."""
    tags = f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain}; s={key.selector}; ".encode() + common + b"; b="
    header.update(b"dkim-signature:" + tags)
    return _Field(key, tags, header.digest())


@lru_cache(maxsize=1024)
def _selection(present: tuple[bytes, ...]) -> tuple[bytes, tuple[int, ...]]:
    """For a header with these fields (lower case): the value of h=, with blanks where it may be folded, and the fields it
    selects, in that order.

    A campaign's messages share it. Of several fields of one name the last is selected first (RFC 6376 section 5.4.2).
    """
    over = [name for name in _OVERSIGNED for _ in range(present.count(name) + 1)]
    names = over + [name for name in present if name in _SIGNED]
    chosen = select_headers([(name, index) for index, name in enumerate(present)], names)
    lines = [b":".join(names[at : at + 4]) for at in range(0, len(names), 4)]
    return b": ".join(lines), tuple(index for _, index in chosen)
