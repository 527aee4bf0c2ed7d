"""What TLS has to be towards a host: an operator's rule, and what the domain and the host ask for. Pure.

DANE goes before MTA-STS (RFC 8461 section 2), and neither lowers what the rule demands.
"""

from dataclasses import dataclass

from mta.attempt import Trouble
from mta.routing.route import Host, NoRoute
from mta.routing.sts import Mode, StsPolicy
from mta.routing.tlsa import Promised, Unpromised
from mta.traffic.rule import TlsPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """How to encrypt. `auth`, as it is reported: `none`; `mta-sts`: the certificate must be good by the system's authorities
    and name the host; `dane`: it must keep `promised`. `testing`: the domain wants to hear of failures, not to lose mail
    by them: a certificate that is not good is reported, and the mail sent all the same."""

    offered: bool = True  # use TLS where it is offered
    required: bool = False
    auth: str = "none"
    promised: Promised | None = None
    testing: bool = False


def demand(
    tls: TlsPolicy, host: Host, policy: StsPolicy | None, promise: Unpromised | Promised | NoRoute
) -> Demand | NoRoute:
    """What is asked for a host; NoRoute: it may not be used, now or at all.

    A rule `mta-sts` heeds a domain's MTA-STS policy, `dane` that and DANE; where nothing is published both are
    opportunistic. A configured host is exempt from what the recipient's domain publishes about its own.
    """
    if host.configured:
        policy, promise = None, Unpromised()
    if tls is TlsPolicy.DANE:
        match promise:
            case NoRoute():
                return promise
            case Promised(records) if records:
                return Demand(required=True, auth="dane", promised=promise)
            case Promised():
                return Demand(required=True)
    if tls in (TlsPolicy.DANE, TlsPolicy.MTA_STS) and policy is not None:
        return _by_policy(host, policy)
    return Demand(offered=tls is not TlsPolicy.NONE, required=tls is TlsPolicy.REQUIRED)


def _by_policy(host: Host, policy: StsPolicy) -> Demand | NoRoute:
    match policy.mode:
        case Mode.ENFORCE if not policy.covers(host.name):
            return NoRoute(Trouble.TLS_FAILED, f"{host.name} is not among the hosts of the domain's MTA-STS policy")
        case Mode.ENFORCE:
            return Demand(required=True, auth="mta-sts")
        case Mode.TESTING:
            return Demand(auth="mta-sts", testing=True)
        case Mode.NONE:
            return Demand()
