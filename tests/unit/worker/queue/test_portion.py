from worker.queue.portion import LEAST, LONGEST, Portion

MOST = 100


def test_a_new_site_may_have_all_on_the_way_there_is_room_for() -> None:
    portion = Portion(MOST)
    portion.on_the_way = MOST - 3
    assert portion.free(0.0) == 3


def test_tickets_that_set_out_together_and_are_refused_together_halve_the_room_once() -> None:
    portion = Portion(MOST)
    for number in range(50):
        portion.held("lane", 2.0 + number / 10, 1.0 + number / 100)
    assert portion.limit == MOST // 2
    portion.held("lane", 50.0, 2.5)
    assert portion.limit == MOST // 4


def test_a_site_that_takes_at_once_gets_more_and_more_up_to_the_most() -> None:
    portion = Portion(MOST)
    portion.held("lane", 2.0, 1.0)
    assert portion.limit < MOST
    for number in range(1000):
        portion.passed("lane", 0.01, float(number))
    assert portion.limit == MOST


def test_a_site_whose_tickets_wait_gets_fewer_but_never_none() -> None:
    portion = Portion(MOST)
    for number in range(1000):
        portion.passed("lane", 1.5, float(number))
    assert portion.limit == LEAST
    assert portion.free(1000.0) == LEAST


def test_a_site_that_takes_nothing_is_left_alone_until_it_said_it_would() -> None:
    portion = Portion(MOST)
    portion.held("lane", 3.5, 2.0)
    assert [portion.free(now) > 0 for now in (2.0, 3.4, 3.5)] == [False, False, True]


def test_the_first_of_several_places_in_the_line_is_when_the_site_takes_more() -> None:
    portion = Portion(MOST)
    for place in (3.0, 3.5, 4.0):
        portion.held("lane", place, 2.0)
    assert portion.opens(2.0) == 3.0
    portion.held("lane", 5.0, 3.0)
    assert portion.opens(3.0) == 5.0


def test_a_site_is_looked_at_again_whatever_it_said_soon_at_first_and_then_less_and_less_often() -> None:
    portion = Portion(MOST)
    now, pauses = 0.0, []
    for _ in range(8):
        portion.held("lane", float("inf"), now)
        pauses.append(portion.opens(now) - now)
        now = portion.opens(now)
    assert pauses == [2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST, LONGEST, LONGEST]
    portion.passed("lane", 0.0, now)
    portion.held("lane", float("inf"), now)
    assert portion.opens(now) == now + 2.0


def test_one_open_lane_of_several_keeps_the_site_open_and_a_lane_no_longer_used_does_not() -> None:
    portion = Portion(MOST)
    portion.passed("open", 0.0, 1.0)
    portion.held("closed", 3.0, 2.0)
    limit = portion.limit
    assert portion.opens(2.0) == 2.0
    portion.held("closed", 52.0, 51.0)
    assert portion.opens(51.0) == 52.0
    assert portion.limit < limit


def test_leave_opens_a_lane_at_once() -> None:
    portion = Portion(MOST)
    portion.held("lane", 50.0, 2.0)
    portion.passed("lane", 0.0, 3.0)
    assert portion.opens(3.0) == 3.0


def test_room_is_tight_where_a_site_takes_nothing_or_its_tickets_wait_and_not_where_it_is_only_full() -> None:
    full, closed, slow = Portion(MOST), Portion(MOST), Portion(MOST)
    full.on_the_way = MOST
    closed.held("lane", 50.0, 2.0)
    for _ in range(MOST):
        slow.passed("lane", 1.5, 2.0)
    assert [portion.tight(3.0) for portion in (full, closed, slow)] == [False, True, True]


def test_what_was_said_can_be_forgotten() -> None:
    portion = Portion(MOST)
    portion.held("lane", 50.0, 2.0)
    portion.forget()
    assert portion.free(2.0) > 0
