"""`reconcile` while mail is sent: a tracker that is a moment behind is no fault, one that never hears is."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.tracker.test_reconciliation import accept, settle
from tests.unit.feedback.happenings import Job
from worker import adapters
from worker.command import app, reconcile
from worker.settings import Settings, load

pytestmark = pytest.mark.usefixtures("logs_as_they_are")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "campaign-mta.toml"
    file.write_text('[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "sqlite:///store.db"\n', encoding="utf-8")
    asyncio.run(_half_heard(load(file)))
    return file


async def _half_heard(settings: Settings) -> None:
    """Two jobs are sent, and the tracker has heard of both only that they were accepted."""
    log, tracker = adapters.delivery_log(settings, "w"), adapters.tracker(settings)
    async with adapters.opened(log), adapters.opened(tracker):
        jobs = Job("a"), Job("b")
        await accept(log, *jobs)
        await tracker.apply([job.accepted() for job in jobs])
        await settle(log, "sent", *jobs)


def hears(settings: Settings, *job_ids: str) -> object:
    async def a_moment() -> None:
        async with adapters.opened(adapters.tracker(settings)) as tracker:
            await tracker.apply([Job(job_id).sent() for job_id in job_ids])

    return a_moment


def test_what_the_tracker_hears_in_a_moment_breaks_no_sum(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "_a_moment", hears(load(config), "a", "b"))
    result = CliRunner().invoke(app, ["reconcile", "--config", str(config)])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "every job is accounted for")


def test_what_it_has_not_heard_then_does(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "_a_moment", hears(load(config), "a"))
    result = CliRunner().invoke(app, ["reconcile", "--config", str(config)])
    assert (result.exit_code, result.output.splitlines()[-2:]) == (
        1,
        ["b: the tracker has not heard the final event (log: sent, tracker: in flight)", "1 jobs break the sum"],
    )
