"""The commands as they are typed: names, options, help.

What a command does is in a module of its own beside this folder, imported when it is called: help, completion and wrong usage
are answered without it.
"""

from typing import Annotated

import typer

from worker.command.verbs import deliveries, dkim, explain, orders, processes, rules, sink, trials

EPILOG = """The configuration is the file of --config, else of $CAMPAIGN_MTA_CONFIG, else
./campaign-mta.toml; campaign-mta doctor looks whether all is in order.

Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or
configuration. campaign-mta --install-completion teaches your shell the words."""


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("campaign-mta"))
        raise typer.Exit


def _whole(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version and end.")
    ] = False,
) -> None:
    """An asynchronous MTA worker that a campaign service trusts with its mail."""


def gathered() -> typer.Typer:
    """All of them, in the groups in which help shows them."""
    app = typer.Typer(
        name="campaign-mta",
        callback=_whole,
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for verbs, title in (
        (processes, "Run"),
        (deliveries, "Send and look"),
        (orders, "Tell a running installation"),
        (trials, "Try and check"),
        (sink, "Try and check"),
    ):
        for command in verbs.app.registered_commands:
            command.rich_help_panel = title
        app.add_typer(verbs.app)
    app.add_typer(explain.app, name="explain", rich_help_panel="Send and look")
    app.add_typer(rules.app, name="rules", rich_help_panel="Try and check")
    app.add_typer(dkim.app, name="dkim", rich_help_panel="Try and check")
    return app
