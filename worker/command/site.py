"""What a name on the command line stands for: a site that is known here, or a domain and the site behind it."""

import asyncio
import fnmatch
import random

from mta.envelope import Domain, a_form
from mta.routing.route import Route
from worker import outside
from worker.settings import Settings

_PATIENCE = 3.0
"""Seconds for a look-up: an operator waits for the answer."""


def known_site(settings: Settings, name: str) -> str | None:
    """The site that `name` means; None where nothing by that name is known. A glob, a lane and a site of several systems
    are taken as they are."""
    if any(sign in name for sign in "*?[>+"):
        return name
    sites = {entry.site.lower() for entry in settings.route if entry.site}
    globs = [glob.lower() for rule in outside.rules(settings).all for glob in rule.site]
    if name in sites or any(glob != "*" and fnmatch.fnmatchcase(name, glob) for glob in globs):
        return name
    match a_form(name):
        case Domain(domain):
            return asyncio.run(_site_behind(settings, domain))
        case _:
            return None


async def _site_behind(settings: Settings, domain: str) -> str | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            route = await outside.routing(settings, random.Random()).route(domain)
    except TimeoutError:
        return None
    return route.site.lower() if isinstance(route, Route) else None
