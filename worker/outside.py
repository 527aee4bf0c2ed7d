"""The seams towards the world outside, built from the settings."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from feedback.qualifier import Qualifier
from mta.envelope import Domain, a_form
from mta.lane import Source
from mta.signing.key import KeyFile
from mta.signing.keyring import Keyring
from mta.signing.signer import Signer
from worker.delivery import Outside
from worker.preparation import Preparation
from worker.settings import BadSettings, Settings


def build(
    settings: Settings,
    qualifier: Qualifier,
    intend: Callable[[tuple[str, int]], Awaitable[bool]],
    rng: random.Random,
) -> Outside:
    """Routing, rules, gate, relay and qualifier.

    Raises:
        BadSettings: a traffic rule file cannot be used.
    """


def preparation(settings: Settings) -> Preparation:
    """Pools and keys.

    Raises:
        BadSettings: a key file cannot be used.
    """
    keyring = Keyring(_key_files(settings), optional=settings.signing.without_key == "unsigned" or not settings.dkim)
    if faults := keyring.faults(0.0):
        raise BadSettings(faults)
    return Preparation(pools(settings), Signer(keyring))


def pools(settings: Settings) -> Mapping[str, Sequence[Source]]:
    """The egress pools by name; without any, one called `default` whose source is the system's choice."""
    if not settings.pool:
        return {"default": (Source(pool="default", helo=settings.smtp.helo),)}
    return {
        pool.name: tuple(
            Source(pool=pool.name, helo=entry.helo or settings.smtp.helo, address=entry.address, weight=entry.weight)
            for entry in pool.source
        )
        for pool in settings.pool
    }


def _key_files(settings: Settings) -> list[KeyFile]:
    files, faults = [], []
    for number, entry in enumerate(settings.dkim):
        match a_form(entry.domain):
            case Domain(name):
                files.append(KeyFile(name, entry.selector, Path(entry.key_file)))
            case fault:
                faults.append(f"dkim[{number}].domain {fault}")
    if faults:
        raise BadSettings(faults)
    return files
