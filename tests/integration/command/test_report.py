"""`report --html` as somebody runs it who wants to send a report on."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.integration.console.furnished import LONG_NAME, furnish
from worker.command import app
from worker.settings import Settings, Store

pytestmark = pytest.mark.usefixtures("logs_as_they_are")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "campaign-mta.toml"
    file.write_text('[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "sqlite:///store.db"\n', encoding="utf-8")
    asyncio.run(furnish(Settings(store=Store(url=f"sqlite:///{tmp_path}/store.db")), time.time(), 300))  # type: ignore[arg-type]
    return file


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments, "--config", str(config)])


class Page(HTMLParser):
    """What a page holds, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[tuple[str, str | None]] = []
        self.feed(text)
        self.fetched += [("url", found) for found in re.findall(r"url\(|@import", text)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [(name, value) for name, value in attrs if name in ("src", "href", "srcset", "action")]


def test_a_report_is_one_file_with_charts_and_breakdowns_that_fetches_nothing(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    result = run(config, "--html", str(file))
    assert (result.exit_code, result.output) == (0, "")
    text = file.read_text("utf-8")
    page = Page(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert page.tags.count("path") >= 3
    assert {"user unknown", "mailbox full", "gmail.com"} <= set(re.findall(r">([^<>]+)<", text))
    assert "&lt;b&gt;50 % Rabatt&lt;/b&gt;" in text
    assert LONG_NAME not in text


def test_a_report_of_one_delivery_has_one_sheet(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert run(config, "--delivery", "spring-newsletter", "--html", str(file)).exit_code == 0
    assert file.read_text("utf-8").count('class="sheet"') == 1


def test_figures_counted_anew_from_the_log_are_the_same_and_those_that_were_wrong_are_mended(config: Path) -> None:
    before = run(config, "--json").stdout
    with closing(sqlite3.connect(config.parent / "store.db")) as store, store:
        store.execute("UPDATE tracker_cell SET messages = messages + 7")
        store.execute("DELETE FROM tracker_wait")
    assert run(config, "--json").stdout != before
    assert CliRunner().invoke(app, ["tracker", "--recount", "--config", str(config)]).exit_code == 0
    assert run(config, "--json").stdout == before


def test_no_report_is_written_of_a_delivery_nobody_has_heard_of(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    result = run(config, "--delivery", "winter", "--html", str(file))
    assert (result.exit_code, file.exists()) == (1, False)
    assert "nothing has been heard of delivery 'winter' yet" in result.stderr


def test_a_report_that_cannot_be_written_says_so(config: Path, tmp_path: Path) -> None:
    result = run(config, "--html", str(tmp_path / "missing" / "report.html"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr


def test_no_column_is_cut_where_no_terminal_says_how_wide_it_is(config: Path) -> None:
    lines = run(config).stdout.splitlines()
    [title] = [line for line in lines if "Delivery" in line and "Success" in line]
    assert all(name in title for name in ("Accepted", "Sent", "Failed", "Cancelled", "In flight"))
    assert any(line.rstrip().endswith("%") and line.startswith(" password-resets") for line in lines)
    assert any("Delivered" in line and "Hard" in line and "Soft" in line for line in lines)
    assert any("2 % or more hard, or over 10 % soft" in line for line in lines)
