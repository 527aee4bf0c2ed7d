"""What the connection to a host must come to: an operator's rule, and what the domain and the host publish. Pure.

DANE goes before MTA-STS (RFC 8461 section 2), and neither lowers what the rule demands.
"""

from msgspec import Struct

from mta.attempt import Trouble
from mta.routing.route import Host, NoRoute
from mta.routing.sts import Mode, StsPolicy
from mta.routing.tlsa import Promised, Tlsa, Unpromised
from mta.traffic.rule import TlsPolicy


class Security(Struct, frozen=True, kw_only=True):
    """What the connection to one host must come to.

    `wanted`: ask for TLS. `required`: no mail without it. `auth`: what makes the certificate good, as it is reported:
    `none` (anything does), `pkix` and `mta-sts` (a known authority says it is the host's), `dane` (`tlsa` says so;
    `names` are those that a certificate under a trust anchor may carry; the server is asked for the first).

    `testing`: what the domain means to ask for one day. Until then it wants to hear what would come of it, and to have its
    mail all the same (RFC 8461 section 5).
    """

    wanted: bool = True
    required: bool = False
    auth: str = "none"
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()
    testing: "Security | NoRoute | None" = None


def security(
    tls: TlsPolicy, host: Host, policy: StsPolicy | None, promise: Unpromised | Promised | NoRoute
) -> Security | NoRoute:
    """What is asked of a host; NoRoute: it may not be used, now or at all.

    A rule `mta-sts` heeds the domain's policy, `dane` that and the host's promise; where nothing is published both are
    opportunistic. A policy is about the domain's own hosts, not about configured ones.
    """
    if tls is TlsPolicy.DANE:
        match promise:
            case NoRoute():
                return promise
            case Promised(records, names) if records:
                return Security(required=True, auth="dane", tlsa=records, names=names)
            case Promised():
                return Security(required=True)
    if tls in (TlsPolicy.DANE, TlsPolicy.MTA_STS) and policy is not None and not host.configured:
        return _by_policy(host, policy)
    return _BY_RULE.get(tls, Security())


_BY_RULE = {TlsPolicy.NONE: Security(wanted=False), TlsPolicy.REQUIRED: Security(required=True, auth="pkix")}


def _by_policy(host: Host, policy: StsPolicy) -> Security | NoRoute:
    match policy.mode:
        case Mode.ENFORCE:
            return _enforced(host, policy)
        case Mode.TESTING:
            return Security(testing=_enforced(host, policy))
        case Mode.NONE:
            return Security()


def _enforced(host: Host, policy: StsPolicy) -> Security | NoRoute:
    if not policy.covers(host.name):
        return NoRoute(Trouble.TLS_FAILED, f"{host.name} is not among the hosts of the domain's MTA-STS policy")
    return Security(required=True, auth="mta-sts")
