"""What a connection must come to before mail may pass, and whether it did (RFC 3207, RFC 7435).

Opportunistic TLS encrypts without asking who is there. Where TLS is required, the certificate must be good for the host:
by the system's authorities (`SSL_CERT_FILE` names others), or by the host's own TLSA records.
"""

import hashlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import lru_cache

from mta.attempt import Tls
from mta.routing.route import Host, NoRoute, Route
from mta.routing.security import Security, security
from mta.routing.tlsa import Unpromised
from mta.smtp.dane import broken
from mta.traffic.rule import TlsPolicy

Securities = Callable[[Route, Host, TlsPolicy], Awaitable[Security | NoRoute]]
"""What a policy means for a host of a route, asked before each new connection. NoRoute: this host must not be used now."""


async def by_policy(route: Route, host: Host, policy: TlsPolicy) -> Security | NoRoute:
    """`Securities` by the policy alone: what a domain and its hosts publish is not looked up."""
    return security(policy, host, None, Unpromised())


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


def context_for(wanted: Security) -> ssl.SSLContext:
    return context(verify=wanted.auth in ("pkix", "mta-sts"))


def established(connection: ssl.SSLObject, wanted: Security) -> Tls | str:
    """The encryption that was agreed on, or what is wrong with the server's certificate."""
    if wanted.auth == "dane":
        fault = broken(wanted.tlsa, _chain(connection), wanted.names, datetime.now(UTC))
        if fault is not None:
            return fault
    cipher, certificate = connection.cipher(), connection.getpeercert(binary_form=True)
    return Tls(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        auth=wanted.auth,
        certificate=hashlib.sha256(certificate).hexdigest() if certificate else None,
    )


def _chain(connection: ssl.SSLObject) -> list[bytes]:
    """What the server sent, DER, its own certificate first."""
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return list(connection.get_unverified_chain())
    certificates = connection._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in certificates]
