"""The envelope of a message (RFC 5321 section 2.3.1) and the addresses in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """`mail_from` may be empty (the null reverse-path); both are checked mailboxes with their domain in A-form, lower
    case, ready to go between angle brackets."""

    mail_from: str
    rcpt_to: str
