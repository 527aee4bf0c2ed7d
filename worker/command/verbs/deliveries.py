"""A delivery sent, looked at, and proved to be whole."""

from pathlib import Path
from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer(no_args_is_help=True)


OneDelivery = Annotated[str | None, typer.Option("--delivery", metavar="ID", help="This delivery only.")]


@app.command()
def send(
    delivery: Annotated[str, typer.Option("--delivery", metavar="ID", help="The delivery's id.")],
    mail_from: Annotated[str, typer.Option("--mail-from", metavar="A", help="Envelope sender.")],
    recipients: Annotated[Path, typer.Option("--recipients", metavar="FILE.csv", help="CSV with a column `email`.")],
    message: Annotated[Path, typer.Option("--message", metavar="FILE.eml", help="The message; {column} is replaced.")],
    waves: Annotated[str | None, typer.Option("--waves", metavar="SPEC", help="Such as 30%/2d or 10%,20%+12h.")] = None,
    priority: Annotated[str, typer.Option("--priority", help="bulk or transactional.")] = "bulk",
    pool: Annotated[str, typer.Option("--pool", metavar="P", help="Egress pool.")] = "default",
    validity: Annotated[str | None, typer.Option("--validity", metavar="D", help="Such as 24h; at most 84h.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Enqueue a delivery. Sending the same list again sends nothing twice."""
    from worker.command.send import Order, run

    order = Order(
        delivery=delivery,
        mail_from=mail_from,
        recipients=recipients,
        message=message,
        waves=waves,
        priority=priority,
        pool=pool,
        validity=validity,
    )
    raise typer.Exit(run(settled(config), order, json))


@app.command()
def report(
    delivery: OneDelivery = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts, in one file, instead.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """A delivery's figures and breakdowns, from the tracker's store."""
    from worker.command.report import run

    raise typer.Exit(run(settled(config), delivery, json, html))


@app.command()
def reconcile(delivery: OneDelivery = None, config: Config = None, json: Json = False) -> None:
    """Prove accepted = sent + failed + cancelled + in flight from both logs; name every job that breaks it."""
    from worker.command.reconcile import run

    raise typer.Exit(run(settled(config), delivery, json))
