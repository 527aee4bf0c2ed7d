from worker.queue.census import MANY, MANY_HELD, Census


def test_a_site_with_much_mail_in_a_short_time_is_busy() -> None:
    census = Census()
    for number in range(int(MANY) + 20):
        census.count("big", number / 1000, held=False)
        if number % 100 == 0:
            census.count("small", number / 1000, held=False)
    assert census.busy(1.0) == ["big"]


def test_the_same_mail_over_a_day_makes_no_site_busy() -> None:
    census = Census()
    for number in range(int(MANY) + 20):
        census.count("big", number * 80.0, held=number % 5 == 0)
    assert census.busy(number * 80.0) == []


def test_few_tickets_that_cannot_go_make_a_site_busy_sooner_than_many_that_can() -> None:
    census = Census()
    for _ in range(int(MANY_HELD)):
        census.count("slow", 1.0, held=True)
    assert census.busy(1.0) == ["slow"]


def test_the_busiest_come_first() -> None:
    census = Census()
    for site, held in (("a", 30), ("b", 50), ("c", 40)):
        for _ in range(held):
            census.count(site, 1.0, held=True)
    assert census.busy(1.0) == ["b", "c", "a"]


def test_a_busy_site_is_so_no_longer_when_its_mail_has_gone() -> None:
    census = Census()
    for _ in range(50):
        census.count("slow", 1.0, held=True)
    assert census.busy(300.0) == []


def test_counting_ever_new_sites_takes_bounded_room_and_keeps_the_busy_ones() -> None:
    census = Census()
    for _ in range(50):
        census.count("busy", 0.0, held=True)
    for number in range(20_000):
        census.count(f"site{number}", 0.0, held=False)
    assert census.busy(0.0) == ["busy"]
    assert len(census._counts) <= 4096
