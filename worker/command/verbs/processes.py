"""What runs until it is told to stop, and the demo of it all."""

import signal
from typing import Annotated

import typer

from worker.command.verbs.options import Config, settled

app = typer.Typer()


@app.command()
def demo(config: Config = None) -> None:
    """Send a wave of 1,000 mails with mixed fates through an embedded queue and store to a local sink. Needs nothing."""
    from worker.command.demo import run

    raise typer.Exit(run())


@app.command()
def worker(
    config: Config = None,
    processes: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Worker processes under this one.")] = 1,
) -> None:
    """Consume send jobs, send the mails, report their fate. SIGTERM drains and exits 0.

    Start as many as you like, on as many machines: they share jobs and limits through broker and store, and wait for
    either while it is away. An embedded queue or store (sqlite:///) serves one process.
    """
    signal.signal(signal.SIGTERM, _leave)
    from worker.command.worker import run

    raise typer.Exit(run(settled(config), config, processes))


@app.command()
def tracker(
    anew: Annotated[
        bool, typer.Option("--recount", help="Make all figures anew from the delivery log, and end. Others may run on.")
    ] = False,
    config: Config = None,
) -> None:
    """The reference campaign tracker: keep the delivery log and the figures from the feedback queue, until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    if anew:
        from worker.command.tracker import recount as run
    else:
        from worker.command.tracker import run

    raise typer.Exit(run(settled(config)))


@app.command()
def console(
    hash: Annotated[
        bool, typer.Option("--hash", help="Ask for a password, print its hash for the configuration.")
    ] = False,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the OpenAPI description of the console's API.")
    ] = False,
    config: Config = None,
) -> None:
    """The web console: deliveries, messages, sites, workers, unknown replies. Until SIGTERM.

    It listens where the configuration says, by default at 127.0.0.1:8025, and needs a password or a token there.
    """
    from worker.command.console import describe, make_hash, run

    if hash:
        raise typer.Exit(make_hash())
    raise typer.Exit(describe(settled(config)) if openapi else run(settled(config)))


def _leave(number: int, _: object) -> None:
    """Told to stop before there is anything in hand; who takes something in hand listens for itself."""
    raise SystemExit(0)
