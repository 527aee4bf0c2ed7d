"""`campaign-mta console`: the web console, until SIGTERM."""

import getpass
import importlib.util
import random
import signal
import sys
import time
from functools import partial

import msgspec
import structlog
import uvloop

from mta.routing.route import Host
from mta.routing.routes import parse_host
from worker import adapters, outside
from worker.command.site import ceilings, site_behind
from worker.command.unknown import meaning
from worker.console.desk import Desk, Seams
from worker.settings import BadSettings, Settings

_log = structlog.get_logger("worker.console")

EXTRA = ("fastapi", "uvicorn", "jinja2", "itsdangerous", "python_multipart")
SHORTEST = 10
"""Characters of a password."""

NOBODY = (
    "console: nobody could sign in. Make a password's hash with `campaign-mta console --hash` and put what it prints into "
    "the configuration: [console] password_hash, or a file's name as password_hash_file; for programs there is "
    "[console] token"
)


def run(settings: Settings) -> int:
    if not complete("the console"):
        return 1
    if settings.console.password_hash is None and settings.console.token is None:
        raise BadSettings([NOBODY])
    host = parse_host(settings.console.listen, default_port=8025)
    if isinstance(host, str):
        raise BadSettings([f"console.listen: {host}"])
    seams = _seams(settings)
    return uvloop.run(_serve(settings, host, seams))


def complete(what: str) -> bool:
    """Whether all that the console is built from is installed."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"{what} needs an extra, and {', '.join(missing)} is missing: pip install 'campaign-mta[console]'",
            file=sys.stderr,
        )
    return not missing


def make_hash() -> int:
    """Ask for a password, print what goes into the settings."""
    if not complete("the console"):
        return 1
    from worker.console.door import hashed

    if sys.stdin.isatty():
        password = getpass.getpass("Password for the console: ")
        if getpass.getpass("Once more: ") != password:
            print("the two are not the same", file=sys.stderr)
            return 1
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < SHORTEST:
        print(f"a password needs {SHORTEST} characters at least", file=sys.stderr)
        return 1
    print(f"[console]\npassword_hash = '{hashed(password)}'")
    return 0


def describe(settings: Settings) -> int:
    """Print the description of the API; nothing is opened for it."""
    if not complete("the console"):
        return 1
    from worker.console.app import application
    from worker.console.door import Door

    described = application(Desk(_seams(settings)), Door(None, None, time.time)).openapi()
    print(msgspec.json.format(msgspec.json.encode(described), indent=2).decode())
    return 0


async def _serve(settings: Settings, host: Host, seams: Seams) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    import uvicorn

    from worker.console.app import application
    from worker.console.door import Door

    console = settings.console
    password_hash, token = (one.get_secret_value() if one else None for one in (console.password_hash, console.token))
    config = uvicorn.Config(
        application(Desk(seams), Door(password_hash, token, time.monotonic)),
        host=host.name,
        port=host.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server takes them while it runs, and raises them again at its end
    server = uvicorn.Server(config)
    _log.info("console", url=f"http://{host}/")
    await server.serve()
    return 0 if server.started else 1


def _seams(settings: Settings) -> Seams:
    qualifier = outside.qualifier(settings)
    routing = outside.routing(settings, random.Random())

    return Seams(
        records=adapters.records(settings),
        replies=adapters.unknown_replies(settings),
        book=adapters.order_book(settings),
        ceiling=ceilings(settings),
        meaning=partial(meaning, qualifier),
        pools=tuple(outside.pools(settings)),
        site_of=partial(site_behind, routing),
    )
