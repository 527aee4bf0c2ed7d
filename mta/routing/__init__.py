"""Where a recipient's domain is served: routes, MX look-up, and the site behind the hosts."""
