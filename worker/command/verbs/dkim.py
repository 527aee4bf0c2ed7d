"""Signing keys."""

from pathlib import Path
from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer(
    help="Make a signing key, print its DNS record, compare with what is published.", no_args_is_help=True
)


KeyDomain = Annotated[str, typer.Argument(metavar="DOMAIN", help="The signing domain, d= of the signature.")]
Selector = Annotated[str, typer.Argument(metavar="SELECTOR", help="The name of the key under it, s= of the signature.")]
KeyPath = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="PEM", help="Default: as configured for the two, else DOMAIN.SELECTOR.pem here."
    ),
]


@app.command("keygen")
def dkim_keygen(
    domain: KeyDomain,
    selector: Selector,
    key_file: KeyPath = None,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="An Ed25519 key; never use it alone.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make a key (RSA with 2048 bits) and print the record to publish. Replaces nothing."""
    from worker.command.dkim import Wanted, keygen

    raise typer.Exit(keygen(settled(config), Wanted(domain, selector, key_file), ed25519=ed25519, json=json))


@app.command("record")
def dkim_record(
    domain: KeyDomain, selector: Selector, key_file: KeyPath = None, config: Config = None, json: Json = False
) -> None:
    """Print the DNS record of a key."""
    from worker.command.dkim import Wanted, record

    raise typer.Exit(record(settled(config), Wanted(domain, selector, key_file), json))


@app.command("check")
def dkim_check(
    domain: KeyDomain, selector: Selector, key_file: KeyPath = None, config: Config = None, json: Json = False
) -> None:
    """Compare a key with what DNS has for it. Exit code 1: it differs, or cannot be read."""
    from worker.command.dkim import Wanted, check

    raise typer.Exit(check(settled(config), Wanted(domain, selector, key_file), json))
