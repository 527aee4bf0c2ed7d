"""Charts: shapes that say what the bins say."""

import pytest

from worker.console.views.chart import HEIGHT, WIDTH, bars, nice, spread, stack
from worker.console.views.course import Bin

BINS = [Bin(0, 0, 0, 0, 0, 0, 0, 8), Bin(10, 6, 2, 0, 6, 2, 0, 0)]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (3, 4), (5, 6), (11, 20), (3000, 4000), (6840, 8000), (99_999, 100_000)]
)
def test_a_scale_ends_on_a_round_number_over_the_most(most: float, top: float) -> None:
    assert nice(most) == top


def test_layers_stand_on_each_other_and_empty_ones_are_left_out() -> None:
    made = stack(BINS, 10, 20.0)
    assert [layer.kind for layer in made.layers] == ["sent", "failed", "in_flight"]
    sent, failed, in_flight = made.layers
    assert sent.path == "M0.0 240.0L1000.0 60.0L1000.0 240.0L0.0 240.0Z"
    assert failed.path == "M0.0 240.0L1000.0 0.0L1000.0 60.0L0.0 240.0Z"
    assert in_flight.path == "M0.0 0.0L1000.0 0.0L1000.0 0.0L0.0 240.0Z"
    assert made.field.scale == ("8", "6", "4", "2", "0")


def test_bars_are_counted_by_the_hour_and_stay_in_the_field() -> None:
    made = bars(BINS, 10, 20.0)
    assert [(bar.kind, bar.title) for bar in made.bars] == [
        ("sent", "00:00:10: 6 sent, 2 failed"),
        ("failed", "00:00:10: 6 sent, 2 failed"),
    ]
    assert made.field.scale[0] == "4,000"
    assert made.bars[0].height == pytest.approx(2160 / 4000 * HEIGHT)
    assert made.bars[1].y + made.bars[1].height == pytest.approx(made.bars[0].y)
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y >= 0 for bar in made.bars)


def test_no_bins_make_an_empty_field() -> None:
    assert stack([], 10, 0.0).layers == ()
    assert bars([], 10, 0.0).bars == ()


def test_how_long_messages_took_is_drawn_in_doubling_steps() -> None:
    made = spread({1: 1, 1000: 3, 1010: 1})
    assert [bar.title for bar in made.bars] == ["under 2\u202fms: 1 messages", "under 1.0\u202fs: 4 messages"]
    assert (made.field.first, made.field.last) == ("1\u202fms", "1.0\u202fs")
    assert made.bars[1].height == HEIGHT
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y >= 0 for bar in made.bars)
    assert spread({}).bars == ()
