"""Asks what a domain and a host publish about TLS, as far as the rule wants to know."""

from dataclasses import dataclass

from mta.routing.demand import Demand, demand
from mta.routing.resolver import Dns
from mta.routing.route import Host, NoRoute, Route
from mta.routing.sts import PolicyBook
from mta.routing.tlsa import Unpromised, promise
from mta.traffic.rule import TlsPolicy


@dataclass(frozen=True, slots=True)
class Demands:
    """What TLS has to be, host by host. It depends on the recipient's domain too: a session may be used again for another
    domain on the same host only where the demand is the same."""

    dns: Dns
    book: PolicyBook

    async def towards(self, tls: TlsPolicy, route: Route, host: Host) -> Demand | NoRoute:
        """See `mta.routing.demand.demand`. Under other rules than `mta-sts` and `dane` nothing is asked."""
        if host.configured or tls not in (TlsPolicy.MTA_STS, TlsPolicy.DANE):
            return demand(tls, host, None, Unpromised())
        promised = await promise(self.dns, host, secure_mx=route.secure_mx) if tls is TlsPolicy.DANE else Unpromised()
        return demand(tls, host, await self.book.policy(route.domain), promised)
