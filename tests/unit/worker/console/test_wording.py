"""Numbers and times as people read them."""

import pytest

from worker.console.views.wording import clock, count, lasting, milliseconds, pace, share


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (1234, "1,234"), (12_345_678, "12.3\u202fM")])
def test_counts(number: int, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(("percent", "text"), [(0.0, "0.0\u202f%"), (99.99, "99.9\u202f%"), (100.0, "100\u202f%")])
def test_shares(percent: float, text: str) -> None:
    assert share(percent) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0.4, "0 s"), (45, "45 s"), (60, "1 min"), (3725, "1 h 2 min"), (3605, "1 h"), (200_000, "2 d 7 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert lasting(seconds).replace("\u202f", " ") == text


@pytest.mark.parametrize(("number", "text"), [(380, "380 ms"), (4200, "4.2 s"), (185_000, "3 min 5 s")])
def test_milliseconds(number: float, text: str) -> None:
    assert milliseconds(number).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0/h"), (12.345, "12.3/s"), (1234.5, "1,234/s"), (0.5, "30/min"), (0.517, "31/min"), (1 / 120, "30/h")],
)
def test_rates(rate: float, text: str) -> None:
    assert pace(rate) == text


def test_a_time_of_today_has_no_date_and_one_of_this_year_no_year() -> None:
    now = 1_795_560_000.0  # 24 November 2026, 22:40 UTC
    assert clock(now - 60, now) == "22:39:00"
    assert clock(now - 86_400, now) == "23 Nov 22:40"
    assert clock(now - 400 * 86_400, now) == "20 Oct 2025 22:40"
