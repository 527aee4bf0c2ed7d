"""The kinds of answers there are, and what each means for address and message (the domain's table of bounce codes).

Rules name a meaning; the figures stand here once. A meaning can differ for 4yz and 5yz: a server that says "local error"
and "go away for good" in one breath is not tried again, and its trouble is not held against the address.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from feedback.qualification import Code, Reason, Type


class Retry(StrEnum):
    """`by_class`: 4yz yes, 5yz no (RFC 5321 section 4.2.1). `again`: also after a 5yz."""

    BY_CLASS = "by_class"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer comes to. A 4yz is always tried again, whatever else it says: that is what 4yz says."""

    code: Code
    type: Type
    reason: Reason
    retry: Retry = Retry.BY_CLASS


_TROUBLE = Meaning(Code.TRANSIENT_FAILURE, Type.SOFT, Reason.UNREACHABLE, Retry.AGAIN)
_BLOCK = Meaning(Code.MAIL_BLOCK, Type.IGNORED, Reason.REFUSED)
_GENERIC = Meaning(Code.GENERIC_BOUNCE, Type.IGNORED, Reason.UNREACHABLE)

MEANINGS: dict[str, Meaning] = {
    # about the address
    "user_unknown": Meaning(Code.INVALID_RECIPIENT, Type.HARD, Reason.USER_UNKNOWN),
    "no_recipient": Meaning(Code.NO_RCPT, Type.HARD, Reason.USER_UNKNOWN),
    "recipient_refused": Meaning(Code.RECIPIENT_REFUSED, Type.HARD, Reason.REFUSED),
    "account_disabled": Meaning(Code.RECIPIENT_REFUSED, Type.HARD, Reason.ACCOUNT_DISABLED),
    "account_suspended": Meaning(Code.RECIPIENT_REFUSED, Type.SOFT, Reason.ACCOUNT_DISABLED),
    "mailbox_full": Meaning(Code.MAILBOX_FULL, Type.SOFT, Reason.MAILBOX_FULL, Retry.AGAIN),
    "mailbox_full_for_good": Meaning(Code.MAILBOX_FULL, Type.SOFT, Reason.MAILBOX_FULL),
    "invalid_domain": Meaning(Code.DNS_FAILURE, Type.SOFT, Reason.INVALID_DOMAIN),
    # about the way there and the system at its end
    "dns_trouble": Meaning(Code.DNS_FAILURE, Type.SOFT, Reason.UNREACHABLE, Retry.AGAIN),
    "unreachable": Meaning(Code.SOFT_BOUNCE, Type.SOFT, Reason.UNREACHABLE, Retry.AGAIN),
    "system_trouble": _TROUBLE,
    "overloaded": _TROUBLE,
    "greylisted": _TROUBLE,
    "protocol": _GENERIC,
    "tls_needed": _GENERIC,
    # about us and our message
    "throttled": _BLOCK,
    "refused": _BLOCK,
    "sender_refused": _BLOCK,
    "unauthenticated": _BLOCK,
    "source_blocked": Meaning(Code.SPAM_BLOCK, Type.IGNORED, Reason.REFUSED),
    "spam": Meaning(Code.SPAM_CONTENT, Type.IGNORED, Reason.REFUSED),
    "message_refused": Meaning(Code.SPAM_CONTENT, Type.IGNORED, Reason.REFUSED),
    "attachment": Meaning(Code.PROHIBITED_ATTACHMENT, Type.IGNORED, Reason.REFUSED),
    "relaying_denied": Meaning(Code.RELAYING_DENIED, Type.IGNORED, Reason.REFUSED),
    "too_large": Meaning(Code.TOO_LARGE, Type.IGNORED, Reason.REFUSED),
    # about nothing we know of
    "undetermined": Meaning(Code.UNDETERMINED, Type.IGNORED, Reason.NOT_DEFINED),
}

_PERMANENT = MEANINGS | {"system_trouble": _GENERIC, "overloaded": _GENERIC}
_TRANSIENT = {name: replace(found, retry=Retry.AGAIN) for name, found in MEANINGS.items()}
_ABOUT_THE_ADDRESS = frozenset({Code.INVALID_RECIPIENT, Code.NO_RCPT, Code.RECIPIENT_REFUSED, Code.MAILBOX_FULL})


def meaning(name: str, permanent: bool) -> Meaning:
    """What the name comes to in a 5yz (`permanent`) or a 4yz reply."""
    return _PERMANENT[name] if permanent else _TRANSIENT[name]


def softened(found: Meaning, *, transient: bool, before_recipient: bool) -> Meaning:
    """`found` within the bounds that no rule can overstep: a 4yz is never hard, and no reply that came before the
    recipient was named is about the recipient."""
    if before_recipient and found.code in _ABOUT_THE_ADDRESS:
        return _BLOCK
    return replace(found, type=Type.SOFT) if transient and found.type is Type.HARD else found
