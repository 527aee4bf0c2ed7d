"""Where a recipient's domain is served: routes, MX look-up, and the site behind the hosts."""

from mta.routing.routing import Policy, Routing

__all__ = ["Policy", "Routing"]
