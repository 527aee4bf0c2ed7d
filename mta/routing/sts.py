"""MTA-STS (RFC 8461): a domain's policy on where its mail may go and that TLS must be authentic. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mta.envelope import Domain, a_form

MAX_AGE = 31_557_600.0
"""Seconds, about a year: the longest a policy may hold (section 3.2)."""

_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class Mode(StrEnum):
    NONE = "none"
    TESTING = "testing"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """What a domain asks of its senders. `max_age` in seconds; `mx` are patterns in A-form, lower case."""

    mode: Mode
    max_age: float
    mx: tuple[str, ...] = ()

    def covers(self, host: str) -> bool:
        """Whether a host is one of the domain's (section 4.1): `*.` stands for exactly one label."""
        parent = host.partition(".")[2]
        return host in self.mx or (bool(parent) and f"*.{parent}" in self.mx)


@dataclass(frozen=True, slots=True)
class Unfetched:
    """The policy could not be had; `text` says why. `untrusted`: the certificate of its web server was not authentic."""

    text: str
    untrusted: bool = False


def parse_record(texts: Iterable[str]) -> str | None:
    """The id that a domain's TXT records announce its policy under (section 3.1); None: there is no policy."""
    announcing = [text for text in texts if re.match(r"v=STSv1[ \t]*;", text)]
    if len(announcing) != 1:
        return None
    fields = dict(_field(part) for part in announcing[0].split(";")[1:] if part.strip())
    found = fields.get("id", "")
    return found if _ID.fullmatch(found) else None


def parse_policy(text: str) -> StsPolicy | str:
    """The policy in a file (section 3.2), or what is wrong with it."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    if fields.get("version") != ["STSv1"]:
        return "the policy is not of version STSv1"
    try:
        mode = Mode(fields.get("mode", [""])[0])
    except ValueError:
        return "the policy has no mode that is known"
    age = fields.get("max_age", [""])[0]
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        return "the policy has no max_age"
    patterns = tuple(pattern for value in fields.get("mx", []) if (pattern := _pattern(value)) is not None)
    if mode is not Mode.NONE and not patterns:
        return "the policy names no mx"
    return StsPolicy(mode, min(float(age), MAX_AGE), patterns)


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip()


def _pattern(value: str) -> str | None:
    wild, name = ("*.", value[2:]) if value.startswith("*.") else ("", value)
    match a_form(name):
        case Domain(a_name):
            return wild + a_name
        case _:
            return None
