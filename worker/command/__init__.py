"""The commands of `campaign-mta`, gathered, and what their exit codes are."""

import sys

import typer

from worker.command.verbs import deliveries, dkim, explain, orders, processes, rules, sink, trials

app = typer.Typer(
    name="campaign-mta",
    help="An asynchronous MTA worker that a campaign service trusts with its mail.",
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


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or configuration."""
    try:
        app()
    except Exception as fault:  # noqa: BLE001 - the outermost handler, one of two broad ones in all
        words, code = _told(fault)
        print(words, file=sys.stderr)
        sys.exit(code)


def _told(fault: Exception) -> tuple[str, int]:
    """What to say of a fault that came up to here, and the exit code."""
    from worker.settings import BadSettings

    match fault:
        case BadSettings():
            return str(fault), 2
        case OSError():
            where = f"{fault.filename}: " if fault.filename else ""
            return f"campaign-mta: {where}{fault.strerror or fault}", 1
        case _:
            return f"campaign-mta: {fault or type(fault).__name__}", 1
