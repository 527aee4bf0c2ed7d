"""Why a job is where it is; which rule and limits apply to a domain."""

from typing import Annotated

import typer

from worker.command.verbs.options import Config, Json, settled

app = typer.Typer(help="Why a job is where it is; which rule and limits apply to a domain.", no_args_is_help=True)


@app.command("job")
def explain_job(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="As it was published.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """The story of one message so far, what is in its way, and what happens next."""
    from worker.command.explain_job import run

    raise typer.Exit(run(settled(config), job_id, json))


@app.command("domain")
def explain_domain(
    name: Annotated[str, typer.Argument(metavar="DOMAIN", help="A recipient's domain, or an address.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """The site behind a domain, its rule and limits, what was learnt of it and why, orders, storms and ramps."""
    from worker.command.explain_domain import run

    raise typer.Exit(run(settled(config), name, json))
