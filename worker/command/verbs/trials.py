"""What can be tried without any mail going out, and what is in order."""

from pathlib import Path
from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer()

QUALIFY_LINES = """Each line of the input is an object: reply, the only member required, is a
reply as a server gave it ("550 5.1.1 User unknown"; lines of a long reply
joined by blanks) or as another MTA logged it; phase is where it was given
(dns connect banner ehlo starttls auth mail rcpt data body rset; default:
what the line says, else rcpt); mx is the host that gave it and domain the
recipient's, for the rules of single receivers. Other members are ignored.

Each line of the output answers one of the input, in order: code, name, type
(hard, soft, ignored), reason, reason_name, rule (with the version of the
rules), to_qualify, retry (whether the message is tried again) and signal
(what the reply says about the site's traffic). A line that cannot be read is
answered with line (its number) and error; the exit code is then 1."""


@app.command(epilog=QUALIFY_LINES)
def qualify(
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="The output is always JSON lines.")] = False,
) -> None:
    """JSON lines in, JSON lines out: what replies mean for recipient, message and site."""
    from worker.command.qualify import run

    raise typer.Exit(run(settled(config)))


SCENARIO = """A scenario is TOML: seed, horizon ("24h"), messages, workers, sources, and a
table `site` for each receiving site. A site has a name, a share of the
messages, the latency of a round trip, and what it hides from the sender:
max_connections, max_rate ("3000/min"), max_per_connection, greylist ("5m"),
bad_recipients and transient (shares),
down = {at = "1h", for = "20m"}, change = {at = "30m", max_rate = "600/min"}
(each a list of such) and
block = {throttled_share = 0.2, over = "5m", for = "1h"}.

The same file and seed give the same output. Of the controllers, adaptive is
the product, static its rules alone; postfix and kumomta do what those do by
default."""


@app.command("simulate", epilog=SCENARIO)
def simulate_command(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO.toml", help="See below.")],
    controller: Annotated[
        list[str] | None,
        typer.Option(
            "--controller",
            metavar="NAME",
            help="adaptive (default), static, postfix or kumomta; repeatable.",
            autocompletion=lambda: ["adaptive", "static", "postfix", "kumomta"],
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw rate, hidden limit and refusals over time.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run the traffic control against modelled receiving sites in virtual time."""
    from worker.command.simulate import run

    raise typer.Exit(run(scenario, controller or ["adaptive"], json, plot))


@app.command()
def doctor(config: Config = None, json: Json = False) -> None:
    """Check configuration, broker, store, DNS, keys and source addresses, and say what to mend.

    Noted, and no fault: lanes that are closed, and suspensions. Exit code 1: there is something to mend.
    """
    from worker.command.doctor import run

    raise typer.Exit(run(settled(config), json))
