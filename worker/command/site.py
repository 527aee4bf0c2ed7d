"""What a name stands for: a site that is known here, or a domain and the site behind it; and a site's traffic rule."""

import asyncio
import fnmatch
import random
from collections.abc import Callable

from mta.envelope import Domain, a_form
from mta.routing.route import Host, Route
from mta.routing.routes import parse_host
from mta.routing.routing import Routing
from mta.traffic.rule import Rule
from worker import outside
from worker.settings import Settings

_PATIENCE = 3.0
"""Seconds for a look-up in DNS: somebody waits for the answer."""


def known_site(settings: Settings, name: str) -> str | None:
    """The site that `name` means; None where nothing by that name is known. A glob, a lane and a site of several systems
    are taken as they are."""
    if any(sign in name for sign in "*?[>+"):
        return name
    sites = {entry.site.lower() for entry in settings.route if entry.site}
    globs = [glob.lower() for rule in outside.rules(settings).all for glob in rule.site]
    if name in sites or any(glob != "*" and fnmatch.fnmatchcase(name, glob) for glob in globs):
        return name
    site = asyncio.run(site_behind(outside.routing(settings, random.Random()), name))
    return site.lower() if site else None


async def site_behind(routing: Routing, domain: str) -> str | None:
    """The site behind a domain; None where it cannot be told soon."""
    name = a_form(domain)
    if not isinstance(name, Domain):
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            route = await routing.route(name.name)
    except TimeoutError:
        return None
    return route.site if isinstance(route, Route) else None


def ceilings(settings: Settings) -> Callable[[str], Rule]:
    """The traffic rule for a site by its name alone. A site that has no route is named like its hosts."""
    rules, named = outside.rules(settings), {entry.site: entry for entry in settings.route if entry.site}

    def ceiling(site: str) -> Rule:
        entry = named.get(site)
        texts = entry.hosts if entry else [f"mx.{site}"]
        hosts = tuple(host for text in texts if isinstance(host := parse_host(text), Host))
        return rules.match(Route(site=site, domain=site, hosts=hosts, static=entry is not None))

    return ceiling
