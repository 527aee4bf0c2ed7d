"""The rules that say what replies mean."""

from pathlib import Path
from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer(help="The rules that say what replies mean: check, try, settle.", no_args_is_help=True)


@app.command("check")
def rules_check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A file of rules.", exists=True, dir_okay=False)
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run every rule's own samples: the built-in rules alone, or FILE before them.

    Also found: rules and phrases that no sample needs, rules that come too late,
    two rules that claim one sample with different answers, phrases that could
    take long, and names that a built-in rule or list has. Exit code 1 if there
    is any fault, each told with file, rule and key.
    """
    from worker.command.rules import check

    raise typer.Exit(check(file, json))


@app.command("replay")
def rules_replay(
    log: Annotated[
        Path,
        typer.Argument(metavar="LOG", help="Attempts or events.", exists=True, dir_okay=False),
    ],
    files: Annotated[
        list[Path], typer.Option("--rules", metavar="FILE", help="Instead of the configured ones; repeatable.")
    ],
    storm: Annotated[
        bool, typer.Option("--storm", help="Let the storm breaker take part: requalify an outage.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """What changed rules would have made of recorded attempts or feedback events (JSON lines)."""
    from worker.command.rules import Trial, replay_log

    raise typer.Exit(replay_log(settled(config), Trial(log, files, storm), json))


Kinds = list[str] | None


@app.command("unknown")
def rules_unknown(
    keep: Annotated[
        Kinds, typer.Option("--keep", metavar="ID", help="What it was taken for is right; it is counted on.")
    ] = None,
    ignore: Annotated[Kinds, typer.Option("--ignore", metavar="ID", help="It is not worth counting.")] = None,
    reopen: Annotated[Kinds, typer.Option("--to-qualify", metavar="ID", help="Take a decision back.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Replies that no rule knows, by their kind, the most frequent first; settle them by id or canonical text.

    A kind that is kept or ignored is listed no more, and events say to_qualify
    false of it; its type, reason and retry stay what they are. Only a rule
    changes those. Workers hear of a decision within seconds, and after a
    restart.
    """
    from feedback.qualifier.unknown import Decision
    from worker.command.unknown import run

    said = {Decision.KEEP: keep, Decision.IGNORE: ignore, Decision.TO_QUALIFY: reopen}
    decisions = [(name, decision) for decision, names in said.items() for name in names or []]
    raise typer.Exit(run(settled(config), decisions, json))
