"""A ramp as the text that stores keep. Pure."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from mta.traffic.ramp import Ramp
from worker.ramps import Count


def write(ramp: Ramp) -> str:
    return msgspec.json.encode(ramp).decode()


def read(text: str) -> Ramp:
    return msgspec.json.decode(text, type=Ramp)


def added(texts: Mapping[str, str], counts: Mapping[str, Count], date: int) -> dict[str, Ramp]:
    """The ramps after what was sent. A volume that was changed in the configuration holds from now on."""
    found = {}
    for lane, count in counts.items():
        ramp = read(texts[lane]) if texts.get(lane) else Ramp(volume=count.volume, date=date)
        found[lane] = replace(ramp, volume=count.volume).counted(date, count.sent, count.refused)
    return found
