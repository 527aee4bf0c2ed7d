"""A new source starts small and grows on days on which it sent."""

from mta.traffic.ramp import Ramp, usable

NEW = Ramp(volume=100_000)


def test_the_first_days_are_half_a_percent() -> None:
    assert NEW.allowance(1) == 500


def test_a_day_counts_only_if_mail_was_sent_on_it() -> None:
    busy = NEW.counted(1, 500).on(2)
    assert busy.day == 2
    assert busy.on(30).day == 2
    assert NEW.counted(1, 3).on(2).day == 1


def test_after_a_month_of_sending_all_of_it_may_go() -> None:
    ramp = NEW
    for date in range(1, 29):
        ramp = ramp.counted(date, 500)
    assert ramp.on(29).warm
    assert ramp.on(29).allowance(29) == 100_000


def test_throttling_sends_a_ramp_back_one_step() -> None:
    on_day_nine = Ramp(volume=100_000, day=9, date=1, sent=5000)
    assert on_day_nine.counted(1, 0, refused=500).on(2).day == 4
    assert on_day_nine.counted(1, 0, refused=5).on(2).day == 10
    assert Ramp(volume=100_000, day=2, date=1, sent=500, refused=100).on(2).day == 1


def test_what_is_over_the_days_part_goes_to_warm_sources() -> None:
    ramps = {"cold": NEW.counted(1, 500), "fresh": NEW, "warm": Ramp(volume=10, day=40)}
    assert usable(ramps, ["cold", "fresh", "warm", "old"], 1) == ["fresh", "warm", "old"]
