"""A running installation, told what to do."""

from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer()

Target = Annotated[
    str,
    typer.Argument(
        metavar="DOMAIN-OR-SITE",
        help="A site, a recipient's domain, a lane (POOL/SOURCE>SITE), or a glob for one of them, such as '*.example.net'.",
    ),
]
OnePool = Annotated[str | None, typer.Option("--pool", metavar="P", help="This egress pool only; default: all.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="For those who look at it later.")]


@app.command()
def suspend(
    target: Target,
    pool: OnePool = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="D", help="Such as 30m; default: until it is resumed.")
    ] = None,
    why: Why = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Start no new attempt towards a site or domain: in all workers within 2 seconds. Messages under way are finished.

    What is held back stays queued, no attempt is counted, and it still expires on time.
    A site that nobody has seen yet can be suspended in advance. The newest order on a target and pool holds.
    """
    from worker.command import orders
    from worker.command.wish import Wish

    raise typer.Exit(orders.suspend(settled(config), Wish(target=target, pool=pool, lasts=lasts, why=why), json))


@app.command()
def resume(target: Target, pool: OnePool = None, why: Why = "", config: Config = None, json: Json = False) -> None:
    """Let mail go again to what was suspended under just this name; without --pool, for every pool it was suspended for.

    Held messages come back within half the time the site was suspended, 12 seconds at least and 6 minutes at most.
    Exit code 1: nothing is suspended under this name.
    """
    from worker.command import orders
    from worker.command.wish import Wish

    raise typer.Exit(orders.resume(settled(config), Wish(target=target, pool=pool, why=why), json))


@app.command()
def override(
    target: Target,
    pool: OnePool = None,
    connections: Annotated[
        int | None, typer.Option("--connections", metavar="N", min=1, max=100_000, help="At the same time.")
    ] = None,
    rate: Annotated[str | None, typer.Option("--rate", metavar="R", help="Messages: n/s, n/min or n/h.")] = None,
    messages_per_connection: Annotated[
        int | None,
        typer.Option("--messages-per-connection", metavar="N", min=1, max=100_000, help="Then it is closed."),
    ] = None,
    lasts: Annotated[str | None, typer.Option("--for", metavar="D", help="Such as 2h; then it ends by itself.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End an override given before.")] = False,
    why: Why = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Put other limits in the place of a site's own, rule and learnt ones alike, for a time: in all workers within 2 seconds.

    They hold per egress source and over all workers; what is not given stays the rule's.
    What the traffic control has learnt of the site is kept as it is until the override ends.
    A domain stands for the site that serves it.
    """
    from worker.command import orders
    from worker.command.wish import Wish

    wish = Wish(
        target=target,
        pool=pool,
        lasts=lasts,
        why=why,
        connections=connections,
        rate=rate,
        messages_per_connection=messages_per_connection,
    )
    raise typer.Exit((orders.end_override if end else orders.override)(settled(config), wish, json))


@app.command()
def cancel(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY_ID", help="As `send` or the campaign service named it.")],
    why: Why = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Call a delivery off, for good: no new attempt in any worker after 2 seconds; every open job ends as `cancelled`.

    A job that the receiver may have taken without our knowing is cancelled with `in_doubt` true.
    Jobs that come up later are accepted and cancelled at once.
    It cannot be taken back: send under another id.
    """
    from worker.command import orders

    raise typer.Exit(orders.cancel(settled(config), delivery, why, json))


@app.command("orders")
def orders_command(
    history: Annotated[
        bool, typer.Option("--history", help="The last 200 orders, ended ones too: who, what, when.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """List the suspensions, overrides and cancellations in force."""
    from worker.command.orders import listed

    raise typer.Exit(listed(settled(config), history, json))
