"""A delivery's figures as tables for the terminal. Pure: values in, rich renderables out."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from feedback.tracker.figures import HARD_SHARE, SOFT_SHARE, Figures, percent

DOMAINS = 20
"""So many domains are shown, the largest first."""


def report(figures: Sequence[Figures]) -> RenderableType:
    """All of it: one status table, then for each delivery its errors by reason, its domains and how long it took."""
    if not figures:
        return Text("No delivery has been heard of yet.")
    parts: list[RenderableType] = [status(figures)]
    for delivery in figures:
        if delivery.by_reason:
            parts += ["", reasons(delivery)]
        if delivery.by_domain:
            parts += ["", domains(delivery)]
        if delivery.waits:
            parts += ["", waits(delivery)]
    return Group(*parts)


def status(figures: Sequence[Figures]) -> Table:
    """The status table: accepted = sent + failed + cancelled + in flight."""
    table = _table("Deliveries", "Delivery", "Accepted", "Sent", "Failed", "Cancelled", "In flight", "Success")
    for f in figures:
        sums = (f.accepted, f.sent, f.failed, f.cancelled, f.in_flight)
        table.add_row(Text(f.delivery_id), *map(_count, sums), _percent(f.success))
    return table


def reasons(figures: Figures) -> Table:
    """Errors by reason: messages given up, and messages still to be retried."""
    table = _table(f"{figures.delivery_id}: errors by reason", "Reason", "Failed", "In flight", "Share of all")
    for name, of in sorted(figures.by_reason.items(), key=lambda item: -(item[1].failed + item[1].in_flight)):
        share = percent(of.failed + of.in_flight, figures.accepted)
        table.add_row(name.replace("_", " "), _count(of.failed), _count(of.in_flight), _percent(share))
    return table


def domains(figures: Figures) -> Table:
    """The largest domains: shares of the messages processed so far."""
    columns = ("Domain", "Accepted", "Sent", "Failed", "In flight", "Delivered", "Hard", "Soft", "")
    table = _table(f"{figures.delivery_id}: by domain", *columns)
    for name, of in list(figures.by_domain.items())[:DOMAINS]:
        counts = (of.accepted, of.sent, of.failed, of.in_flight)
        shares = (of.delivered, of.hard, of.soft)
        flag = Text("!", style="bold red") if of.flagged else ""
        table.add_row(Text(name or "(none)"), *map(_count, counts), *map(_percent, shares), flag)
    more = len(figures.by_domain) - DOMAINS
    table.caption = (f"and {more} more domains; " if more > 0 else "") + (
        "delivered, hard and soft: shares of the messages with a result so far; "
        f"!: {HARD_SHARE:g} % or more hard, or over {SOFT_SHARE:g} % soft"
    )
    return table


def waits(figures: Figures) -> Table:
    """How long sent messages took, of all domains and of the largest."""
    table = _table(f"{figures.delivery_id}: from acceptance to delivery", "Domain", "Half within", "90 %", "99 %")
    domains = [(name or "(none)", of.waits) for name, of in list(figures.by_domain.items())[:DOMAINS]]
    for name, of in [("all", figures.waits), *domains]:
        if of is not None:
            table.add_row(Text(name), _lasting(of.p50), _lasting(of.p90), _lasting(of.p99))
    table.caption = "within 5 %"
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption_justify="left",
    )
    table.add_column(first, overflow="fold", min_width=18)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _lasting(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.3g} s" if ms < 600_000 else f"{ms / 3_600_000:.2g} h"


def _count(number: int) -> str:
    return f"{number:,}"


def _percent(share: float) -> str:
    return f"{share:.2f} %"
