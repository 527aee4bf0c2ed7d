import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("84h", 302400), ("2d", 172800), ("80ms", 0.08), ("1.5h", 5400), ("0s", 0), (" 1s ", 1)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "-5m", "5 m", "5M", "1h30m", "1e3s", "inf", "5min", "٣s", "1.s", "9999999999s"]
)
def test_anything_else_is_refused_with_the_form_that_is_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration") as fault:
        parse_duration(text)
    assert str(fault.value) == f"{text!r} is no duration: write a number and ms, s, m, h or d, such as 30s, 5m or 2d"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (300, "5m"),
        (302400, "84h"),
        (172800, "2d"),
        (90, "90s"),
        (0.08, "80ms"),
        (1.5, "1500ms"),
        (-60, "-1m"),
    ],
)
def test_a_duration_is_shown_in_its_largest_exact_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=10**9))
def test_what_is_shown_reads_back_as_the_same_duration(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000
