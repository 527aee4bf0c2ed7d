"""A picture of runs: for each site and controller the rate, the hidden limit and the refusals over time.

Needs matplotlib, which only this module imports: the extra `plot`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from worker.simulation.trace import Trace

MOST_SITES = 8
"""Sites in one picture: those with the most messages."""


def draw(traces: Sequence[Trace], title: str, file: Path) -> None:
    """Write the picture of these runs of one scenario; `OSError` when the file cannot be written, `ValueError` when its
    ending names no format."""
    messages = traces[0].messages
    sites = sorted(messages, key=lambda name: -messages[name])[:MOST_SITES]
    figure = Figure(figsize=(7.5 * len(traces), 2.4 * len(sites) + 1.2), layout="constrained")
    axes = figure.subplots(len(sites), len(traces), squeeze=False)
    for row, site in enumerate(sites):
        for column, trace in enumerate(traces):
            _panel(axes[row][column], trace, site)
    for bottom in axes[-1]:
        bottom.set_xlabel("minutes")
    axes[0][0].legend(loc="upper right", fontsize="small")
    left_out = len(messages) - len(sites)
    figure.suptitle(title + (f" (the largest {len(sites)} of {len(messages)} sites)" if left_out else ""))
    figure.savefig(file, dpi=110)


def _panel(axes: Any, trace: Trace, site: str) -> None:
    width = trace.width
    times, passed, refused = trace.per_minute(site, width)
    minutes = [time / 60 for time in times]
    axes.step(minutes, passed, where="post", color="tab:blue", linewidth=1.2, label="let pass")
    axes.bar(minutes, refused, width=width / 60, align="edge", color="tab:red", label="refused")
    if limit := trace.limit(site):
        changes, rates = limit
        axes.step(
            [at / 60 for at in changes],
            rates,
            where="post",
            color="black",
            linestyle="--",
            linewidth=1,
            label="hidden limit",
        )
    axes.set_title(f"{site}, {trace.controller}", fontsize="medium")
    axes.set_ylabel("a minute")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, max(trace.ended / 60, 0.1))
