"""The words of a qualification: bounce codes, types and reasons (the contract's section 2)."""

from enum import IntEnum, StrEnum

from msgspec import Struct


class Type(StrEnum):
    """What an answer means for the *address*: quarantine at once, count it, or ignore it."""

    HARD = "hard"
    SOFT = "soft"
    IGNORED = "ignored"


class Reason(IntEnum):
    """The campaign's technical reasons, as far as a synchronous MTA uses them."""

    NOT_DEFINED = 0
    USER_UNKNOWN = 1
    INVALID_DOMAIN = 2
    UNREACHABLE = 3
    ACCOUNT_DISABLED = 4
    MAILBOX_FULL = 5
    REFUSED = 20


class Code(IntEnum):
    """Bounce codes."""

    UNDETERMINED = 1
    INVALID_RECIPIENT = 10
    RECIPIENT_REFUSED = 15
    SOFT_BOUNCE = 20
    DNS_FAILURE = 21
    MAILBOX_FULL = 22
    TOO_LARGE = 23
    TIMEOUT = 24
    ADMIN_FAILURE = 25
    NO_RCPT = 30
    GENERIC_BOUNCE = 40
    MAIL_BLOCK = 50
    SPAM_BLOCK = 51
    SPAM_CONTENT = 52
    PROHIBITED_ATTACHMENT = 53
    RELAYING_DENIED = 54
    TRANSIENT_FAILURE = 70


class Qualification(Struct, frozen=True, kw_only=True):
    """What an answer means for the recipient, and which rule says so."""

    code: Code
    type: Type
    reason: Reason
    rule: str
    to_qualify: bool = False


class Verdict(Struct, frozen=True):
    """A qualification, and whether the message is worth another try."""

    qualification: Qualification
    retry: bool
