"""What a connection must come to before mail may pass, and whether it did (RFC 3207, RFC 7435).

Opportunistic TLS encrypts without asking who is there. Where TLS is required, the certificate must be good for the host:
by the system's authorities (`SSL_CERT_FILE` names others), or by the host's own TLSA records.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from mta.attempt import Tls
from mta.routing.route import Host, NoRoute, Route
from mta.smtp.dane import Tlsa, authenticated
from mta.traffic.rule import TlsPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What the connection to one host must come to.

    `wanted`: ask for TLS. `required`: no mail without it. `auth`: what makes the certificate good, as it is reported:
    `none` (anything does), `pkix` and `mta-sts` (a known authority says it is the host's), `dane` (`tlsa` says so;
    `names` are those that a DANE-TA certificate may carry: the host's and that of the domain it serves).
    """

    wanted: bool = True
    required: bool = False
    auth: str = "none"
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()


Securities = Callable[[Route, Host, TlsPolicy], Awaitable[Security | NoRoute]]
"""What a policy means for a host of a route, asked before each new connection. NoRoute: this host must not be used now."""

_BY_POLICY = {
    TlsPolicy.NONE: Security(wanted=False),
    TlsPolicy.OPPORTUNISTIC: Security(),
    TlsPolicy.REQUIRED: Security(required=True, auth="pkix"),
    # What a domain publishes is not looked up here; without it, encryption is all there is to insist on.
    TlsPolicy.MTA_STS: Security(required=True),
    TlsPolicy.DANE: Security(required=True),
}


async def by_policy(route: Route, host: Host, policy: TlsPolicy) -> Security | NoRoute:
    """`Securities` by the policy alone."""
    return _BY_POLICY[policy]


@lru_cache(maxsize=2)
def context(*, verify: bool) -> ssl.SSLContext:
    """A client's context; with `verify` the certificate must be good for the host's name."""
    made = ssl.create_default_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.set_ciphers("DEFAULT:@SECLEVEL=1")  # weak encryption is better than none (RFC 7435 section 3)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def context_for(security: Security) -> ssl.SSLContext:
    return context(verify=security.auth in ("pkix", "mta-sts"))


def established(connection: ssl.SSLObject, security: Security) -> Tls | str:
    """The encryption that was agreed on, or what is wrong with the server's certificate."""
    if security.auth == "dane" and not _vouched_for(connection, security):
        return "no TLSA record names the server's certificate"
    cipher = connection.cipher()
    return Tls(connection.version() or "", cipher[0] if cipher else "", security.auth)


def _vouched_for(connection: ssl.SSLObject, security: Security) -> bool:
    return authenticated(security.tlsa, _chain(connection), security.names, datetime.now(UTC))


def _chain(connection: ssl.SSLObject) -> list[bytes]:
    """What the server sent, DER, its own certificate first."""
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return list(connection.get_unverified_chain())
    certificates = connection._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in certificates]
