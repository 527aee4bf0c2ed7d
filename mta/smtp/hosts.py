"""What is remembered of receiving hosts: which are dead, whose TLS is broken, how many messages they take at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from mta.routing.route import Host

_MAX = 10_000
_DEAD_FIRST, _DEAD_MAX = 60.0, 3600.0
_PLAIN = 3 * 86400.0
_LEARNT = 3600.0
"""Seconds that each thing is remembered; a host that stays dead is avoided twice as long each time."""


@dataclass(slots=True)
class _Known:
    dead_until: float = 0.0
    deaths: int = 0
    plain_until: float = 0.0
    most: int = 0
    most_until: float = 0.0
    hung_up_after: int = 0


class Hosts:
    """Notes on the hosts met last, at most 10,000. `now` is in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._known: dict[Host, _Known] = {}

    def in_order(self, hosts: Sequence[Host], now: float) -> tuple[Host, ...]:
        """The same hosts, dead ones last: they are tried when all others failed."""
        if not self._known or len(hosts) == 1:
            return tuple(hosts)
        return tuple(sorted(hosts, key=lambda host: self._is_dead(host, now)))

    def died(self, host: Host, now: float) -> None:
        """It could not be talked to. Several that notice at once count once."""
        known = self._note(host)
        if now >= known.dead_until:
            known.dead_until = now + min(_DEAD_FIRST * 2**known.deaths, _DEAD_MAX)
            known.deaths = min(known.deaths + 1, 16)

    def lives(self, host: Host) -> None:
        if known := self._known.get(host):
            known.dead_until, known.deaths = 0.0, 0

    def breaks_tls(self, host: Host, now: float) -> None:
        """It takes mail in clear after TLS failed."""
        self._note(host).plain_until = now + _PLAIN

    def is_plain(self, host: Host, now: float) -> bool:
        """Whether its TLS is known to be broken."""
        known = self._known.get(host)
        return known is not None and now < known.plain_until

    def closed_after(self, host: Host, messages: int, now: float, *, said: bool = True) -> None:
        """It closed a connection after so many messages: with a 421 to the next one or, not `said`, without a word. The
        latter may have had other reasons: it is believed when the number is the same twice running."""
        known = self._note(host)
        if said or known.hung_up_after == messages:
            known.most, known.most_until = messages, now + _LEARNT
        known.hung_up_after = messages

    def most(self, host: Host, now: float) -> int | None:
        """The messages it takes on one connection, as far as is known."""
        known = self._known.get(host)
        return known.most if known is not None and now < known.most_until else None

    def _is_dead(self, host: Host, now: float) -> bool:
        known = self._known.get(host)
        return known is not None and now < known.dead_until

    def _note(self, host: Host) -> _Known:
        known = self._known.pop(host, None) or _Known()
        self._known[host] = known
        if len(self._known) > _MAX:
            del self._known[next(iter(self._known))]
        return known
