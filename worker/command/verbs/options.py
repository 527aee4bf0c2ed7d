"""Options that many commands have, and what they stand for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from worker.settings import Settings

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration; default: $CAMPAIGN_MTA_CONFIG, ./campaign-mta.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settled(config: Path | None) -> "Settings":
    """The settings, with logs configured as they say."""
    from worker import logging
    from worker.settings import load

    settings = load(config)
    key = settings.log.hash_key if settings.log.addresses == "hashed" else None
    hashed = logging.Hashed(key.get_secret_value()) if key else None
    logging.configure(settings.log.format, settings.log.level, hashed=hashed)
    return settings
