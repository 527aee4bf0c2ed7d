"""What all contestants send: one mail, and whom to."""

from dataclasses import dataclass

SENDER = "news@riverside.example"
SIGNER = "riverside.example"
SELECTOR = "bench"
DOMAINS = 200

_HEAD = """\
From: Riverside News <news@riverside.example>
To: readers@riverside.example
Subject: What is on at the riverside this week
Date: Tue, 06 May 2025 09:00:00 +0000
Message-ID: <20250506.bench@riverside.example>
List-Unsubscribe: <https://riverside.example/u/1>
MIME-Version: 1.0
Content-Type: text/html; charset=us-ascii

"""
_LINE = '<tr><td class="show">{:06}</td><td>An evening of songs beside the water</td></tr>\n'


@dataclass(frozen=True, slots=True)
class Load:
    """`count` copies of a mail of about `size` octets, to one recipient each, spread evenly over `domains` domains.

    `hosted`: the mail systems of the first `DOMAINS` serve them all; else each domain has one of its own. `waiting`: how many of
    them may wait in the worker's broker, about, before its publisher pauses; 0: all.
    """

    count: int
    size: int
    domains: int
    hosted: bool = False
    waiting: int = 0

    @property
    def mail(self) -> str:
        """A newsletter's text: lines of markup, line ends LF."""
        lines = (self.size - len(_HEAD)) // (len(_LINE.format(0)) + 1)
        return _HEAD + "".join(_LINE.format(number) for number in range(lines))

    def domain(self, number: int) -> str:
        """The domain of the recipient of this number."""
        if self.domains == 1:
            return single()
        return hosted(number % self.domains) if self.hosted else many(number % self.domains)


def single() -> str:
    return "single.example"


def many(number: int) -> str:
    """One of the domains of the wide course."""
    return f"d{number}.many.example"


def hosted(number: int) -> str:
    """A domain whose mail the system behind `many(number % DOMAINS)` takes, as hosters' customers have it."""
    return f"d{number}.hosted.example"


def address(number: int, own_network: bool) -> str:
    """Where that domain's mail goes: each to an address of its own, so that it is a destination of its own to all."""
    above, low = divmod(number, 250)
    return f"127.0.{1 + above}.{low + 1}" if own_network else "127.0.0.1"
