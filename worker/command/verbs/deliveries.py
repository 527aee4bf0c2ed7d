"""A delivery sent, looked at, and proved to be whole."""

from pathlib import Path
from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer()

OneDelivery = Annotated[str | None, typer.Option("--delivery", metavar="ID", help="This delivery only.")]


SEND = """The list may have any columns beside `email`; in the message, {column} is
replaced by what the row says. Every fault of the list is told, and nothing is
sent before it is mended. Stopped in between, by Ctrl-C or because the broker
went away, the same command again enqueues what is left.

--waves cuts the delivery into parts that start one after the other:

  30%/2d               30 % each, two days from start to start, to the end
  5000/6h              5,000 each, every six hours
  10%,20%+12h,30%+1d   10 % at once, 20 % twelve hours later, 30 % a day after
                       those; the last one takes what is left over

A plan is refused whose last part would start after --validity, and warned of
if that leaves less than 12 hours for retries."""


@app.command(epilog=SEND)
def send(
    delivery: Annotated[str, typer.Option("--delivery", metavar="ID", help="The delivery's id, yours to choose.")],
    mail_from: Annotated[str, typer.Option("--mail-from", metavar="A", help="Envelope sender, where bounces go.")],
    recipients: Annotated[Path, typer.Option("--recipients", metavar="FILE.csv", help="CSV with a column `email`.")],
    message: Annotated[Path, typer.Option("--message", metavar="FILE.eml", help="The message; {column} is replaced.")],
    waves: Annotated[str | None, typer.Option("--waves", metavar="SPEC", help="Such as 30%/2d; see below.")] = None,
    priority: Annotated[
        str,
        typer.Option("--priority", help="bulk or transactional.", autocompletion=lambda: ["bulk", "transactional"]),
    ] = "bulk",
    pool: Annotated[str, typer.Option("--pool", metavar="P", help="Egress pool, by its name.")] = "default",
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
    """A delivery's figures and breakdowns, from the tracker's store; without --delivery, those of all."""
    from worker.command.report import run

    raise typer.Exit(run(settled(config), delivery, json, html))


@app.command()
def reconcile(delivery: OneDelivery = None, config: Config = None, json: Json = False) -> None:
    """Prove accepted = sent + failed + cancelled + in flight from both logs; name every job that breaks it.

    The logs are the workers' and the tracker's, in the store. Exit code 1: there are jobs that break it.
    """
    from worker.command.reconcile import run

    raise typer.Exit(run(settled(config), delivery, json))
