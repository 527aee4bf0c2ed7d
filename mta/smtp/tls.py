"""TLS contexts (RFC 3207): opportunistic TLS encrypts without asking who is there (RFC 7435)."""

import ssl
from functools import lru_cache


@lru_cache(maxsize=2)
def context(*, verify: bool) -> ssl.SSLContext:
    """A client's context; with `verify` the certificate must be good for the host's name."""
    made = ssl.create_default_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
