"""The sink, and what it understands."""

from pathlib import Path
from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json

app = typer.Typer()

BEHAVIOUR = """\
What the sink answers is written in the recipient's local part, after a plus
sign. Any other recipient is accepted.

  user+CODE               4yz or 5yz at RCPT: user+450, user+550; after 421
                          the connection is closed
  user+CODE-X.Y.Z         the same with this enhanced status code:
                          user+550-5.7.1, user+421-4.7.28
  user+dot-CODE[-X.Y.Z]   the same after the final dot; nothing is stored
  user+greylist[-Ns]      451 4.7.1 at RCPT until N seconds (60) have passed
                          since the first attempt
  user+slow-Ns            the reply to RCPT comes after N seconds
  user+dot-slow-Ns        the reply to the final dot comes after N seconds;
                          the message is stored before
  user+drop               the connection is closed instead of a reply to RCPT
  user+drop-dot           it is closed after the final dot; nothing is stored
  user+drop-taken         the message is stored, then the connection is
                          closed without a reply

CODE, dot-CODE and the drops may end in -once, -twice or -Ntimes: so often for
each sender and recipient, then accepted (user+421-twice,
user+451-4.3.2-5times, user+drop-taken-once). Several go together:
user+greylist-10s+slow-2s.
"""

POLICY = """\
With --policy FILE the sink behaves like the site tables of a scenario for
`campaign-mta simulate`, in real time: max_connections, max_rate,
max_per_connection, greylist, bad_recipients, transient, down, block, change
and latency. The limits hold for each client address by itself; the times of
`down` and `change` count from the sink's start.

Each site has a port of its own, in the file's order after the common one (any
free ones with --port 0); --json names them:
{"host", "port", "sites": {NAME: PORT}}. At the common port a recipient
belongs to the site that its domain names: NAME itself, *.NAME or NAME.*, the
longest name first, else to the first site. At the end the sites' own counts
are printed; --audit FILE gets a JSON line for each event.
"""


@app.command(epilog=BEHAVIOUR + "\n" + POLICY)
def sink(
    port: Annotated[int, typer.Option("--port", metavar="P", min=0, max=65535, help="0 picks a free one.")] = 2525,
    host: Annotated[str, typer.Option("--host", metavar="A", help="Address to listen on.")] = "127.0.0.1",
    store: Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Keep the mails as a Maildir.")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="PEM", help="Offer STARTTLS with this.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="PEM", help="Its key, if elsewhere.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Behave like the sites of this scenario.")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option("--audit", metavar="FILE", help="A JSON line for each event of a policy's sites.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """A local SMTP sink for integration tests. With --json the first line printed is {"host", "port"}."""
    from worker.command.sink import Place, run

    place = Place(host=host, port=port, store=store, certificate=tls_cert, key=tls_key, policy=policy, audit=audit)
    raise typer.Exit(run(place, json))
