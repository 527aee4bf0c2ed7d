"""A domain's wish to hear of TLS: the TXT record at `_smtp._tls` (RFC 8460 section 3)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from mta.envelope import Mailbox, parse_mailbox

MAX_ADDRESSES = 10
"""Of one record: what is beyond them is not heeded."""

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*(?:;|$)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where reports go: mail addresses, and HTTPS addresses as they stand."""

    mail: tuple[Mailbox, ...]
    https: tuple[str, ...]


def parse_record(texts: Iterable[str]) -> Wanted | None:
    """What the TXT records ask for. None: nothing, which more than one record of this kind comes to as well."""
    asking = [text for text in texts if _VERSION.match(text)]
    if len(asking) != 1:
        return None
    for part in asking[0].split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip() == "rua":
            return _wanted([uri.strip() for uri in value.split(",")])
    return None


def _wanted(uris: list[str]) -> Wanted | None:
    mail = dict.fromkeys(mailbox for uri in uris if (mailbox := _mailbox(uri)) is not None)
    https = dict.fromkeys(uri for uri in uris if uri.lower().startswith("https://"))
    if not mail and not https:
        return None
    return Wanted(tuple(mail)[:MAX_ADDRESSES], tuple(https)[:MAX_ADDRESSES])


def _mailbox(uri: str) -> Mailbox | None:
    """The mailbox of a `mailto:` (RFC 6068); header fields that it asks for are not heeded."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return None
    mailbox = parse_mailbox(unquote(rest.partition("?")[0]))
    return mailbox if isinstance(mailbox, Mailbox) and mailbox.local.isascii() else None
