import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.duration import DAY, HOUR
from worker.wave import ALL_AT_ONCE, MAX_WAVES, Impossible, SameSize, Sound, Tight, Wave, judge, parse_waves, plan


def planned(text: str, total: int) -> list[Wave]:
    waves = parse_waves(text)
    assert not isinstance(waves, str), waves
    made = plan(waves, total)
    assert not isinstance(made, str), made
    return made


def test_thirty_percent_every_two_days_is_four_waves_the_last_of_ten() -> None:
    assert planned("30%/2d", 1000) == [
        Wave(0, 0, 300),
        Wave(1, 2 * DAY, 300),
        Wave(2, 4 * DAY, 300),
        Wave(3, 6 * DAY, 100),
    ]


def test_a_count_every_six_hours_goes_on_until_all_are_sent() -> None:
    assert planned("5000/6h", 12000) == [Wave(0, 0, 5000), Wave(1, 6 * HOUR, 5000), Wave(2, 12 * HOUR, 2000)]
    assert planned("5000/6h", 5000) == [Wave(0, 0, 5000)]
    assert planned("5000/6h", 0) == [Wave(0, 0, 0)]


def test_a_ramp_up_calendar_starts_each_wave_after_the_one_before() -> None:
    assert planned("10%, 15%+12h, 20%+12h, 25%+12h, 30%+12h", 1000) == [
        Wave(0, 0, 100),
        Wave(1, 12 * HOUR, 150),
        Wave(2, 24 * HOUR, 200),
        Wave(3, 36 * HOUR, 250),
        Wave(4, 48 * HOUR, 300),
    ]


def test_the_last_row_takes_the_remainder_whatever_its_size() -> None:
    assert [wave.count for wave in planned("10%,10%+1h", 100)] == [10, 90]
    assert [wave.count for wave in planned("500,1000+1h,1000+1h", 800)] == [500, 300, 0]
    assert [wave.count for wave in planned("500,20%+1h,1+1h", 1000)] == [500, 200, 300]


def test_the_first_row_may_have_a_delay_too() -> None:
    assert [wave.start for wave in planned("50%+1h,50%+2h", 10)] == [HOUR, 3 * HOUR]


def test_without_waves_all_go_at_once() -> None:
    assert plan(ALL_AT_ONCE, 7) == [Wave(0, 0, 7)]


@given(st.integers(0, 10**6), st.integers(1, 10000))
def test_no_recipient_is_lost_or_doubled_by_rounding(total: int, hundredths: int) -> None:
    waves = planned(f"{max(hundredths, 10) / 100}%/1h", total)
    assert sum(wave.count for wave in waves) == total
    assert all(wave.count >= 0 for wave in waves)
    sizes = {wave.count for wave in waves[:-1]}
    assert not sizes or max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no wave is given: write a size and a period, such as 30%/2d, or rows, such as 10%,15%+12h"),
        ("30%", "'30%' is a single wave: write its period, as in 30%/2d, or more rows, as in 30%,70%+12h"),
        ("many/2d", "'many' is no size: write a share, such as 30%, or a count, such as 5000"),
        ("/2d", "'' is no size: write a share, such as 30%, or a count, such as 5000"),
        ("1.5/2d", "'1.5' is no size: write a share, such as 30%, or a count, such as 5000"),
        ("0%/2d", "'0%' is no size: a wave has at least one message"),
        ("0/2d", "'0' is no size: a wave has at least one message"),
        ("101%/2d", "'101%' is more than the whole"),
        ("30%/2", "'2' is no duration: write a number and ms, s, m, h or d, such as 30s, 5m or 2d"),
        ("30%/0s", "the period between two waves must be longer than 0s"),
        ("30%/2d,10%", "one size and one period, such as 30%/2d, or rows, such as 10%,15%+12h: not both"),
        ("10%,15%", "wave 1 ('15%') needs its delay after the wave before, such as 15%+12h"),
        ("10%,15%+0h", "wave 1 ('15%+0h') must start later than the wave before"),
        ("10%,15%+x", "'x' is no duration: write a number and ms, s, m, h or d, such as 30s, 5m or 2d"),
        ("60%,60%+1h", "the shares add up to 120 %, more than the whole"),
        (",".join(["1"] + ["1+1s"] * MAX_WAVES), "1001 waves are asked for; 1000 are the most"),
    ],
)
def test_a_faulty_spec_is_refused_in_words(text: str, fault: str) -> None:
    assert parse_waves(text) == fault


def test_a_plan_of_too_many_waves_is_refused() -> None:
    waves = parse_waves("1/1s")
    assert isinstance(waves, SameSize)
    assert plan(waves, 5000) == "5000 waves would be needed for 5000 recipients; 1000 are the most"


def test_a_last_wave_close_to_the_end_of_validity_is_warned_about_and_after_it_refused() -> None:
    waves = planned("50%/72h", 10)
    assert judge(waves, 84 * HOUR) == Sound()
    assert judge(waves, 83 * HOUR) == Tight(
        "wave 1 starts 3d after the first, 11h before the validity ends: little time is left for its retries"
    )
    assert judge(waves, 72 * HOUR) == Impossible(
        "wave 1 starts 3d after the first, but the validity ends after 3d: it could never be sent"
    )


def test_a_delivery_in_one_piece_is_never_tight() -> None:
    assert judge([Wave(0, 0.0, 10)], 60.0) == Sound()
