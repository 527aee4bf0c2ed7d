"""Asks what a domain and a host publish about TLS, as far as the rule wants to know."""

from collections.abc import Callable
from dataclasses import dataclass

from mta.routing.answer import Dns
from mta.routing.book import PolicyBook
from mta.routing.route import Host, NoRoute, Route
from mta.routing.security import Security, security
from mta.routing.tlsa import Unpromised, promise
from mta.tlsrpt.applied import Applied, applied
from mta.traffic.rule import TlsPolicy

Note = Callable[[str, str, Applied], None]
"""Hears which policy of a domain (first) the next connection to a host (second) is held to."""


def _unheard(domain: str, host: str, applied: Applied) -> None:
    """Nobody reports on TLS."""


@dataclass(frozen=True, slots=True)
class AsPublished:
    """`mta.smtp.tls.Securities` by what is published. It depends on the recipient's domain too: under the rules `mta-sts`
    and `dane` a session serves no other domain. Configured hosts are not the domain's to hear about: they are not noted."""

    dns: Dns
    book: PolicyBook
    note: Note = _unheard

    async def __call__(self, route: Route, host: Host, tls: TlsPolicy) -> Security | NoRoute:
        """See `mta.routing.security.security`. Under other rules than `mta-sts` and `dane` nothing is asked."""
        if tls not in (TlsPolicy.MTA_STS, TlsPolicy.DANE):
            return security(tls, host, None, Unpromised())
        promised = await promise(self.dns, route, host) if tls is TlsPolicy.DANE else Unpromised()
        policy = None if host.configured else await self.book.policy(route.domain)
        if not host.configured:
            missing = self.book.missing(route.domain) if policy is None else None
            self.note(route.domain, host.name, applied(policy, promised, missing))
        return security(tls, host, policy, promised)
