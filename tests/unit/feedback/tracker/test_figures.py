from collections import Counter

from rich.console import Console

from feedback.tracker.figures import Cell, cell, changes, figures, percent, reason_name
from feedback.tracker.message import fold, message
from feedback.tracker.table import report
from tests.unit.feedback.happenings import HARD, SOFT, Job

SENT = Cell("spring", "example.net", "sent", -1, "")
DELAYED = Cell("spring", "example.net", "delayed", 3, "soft")


def test_a_message_that_moves_leaves_its_old_cell() -> None:
    job = Job("j")
    before = fold([message(job.accepted()), message(job.delayed(SOFT))])
    after = fold([*before.values(), message(job.sent())])
    assert changes({}, before.values()) == {DELAYED: 1}
    assert changes(before, after.values()) == {SENT: 1, DELAYED: -1}
    assert changes(after, after.values()) == {}


def test_many_that_move_the_same_way_are_one_change() -> None:
    messages = [message(Job(f"j{n}").sent()) for n in range(5)]
    assert changes({}, messages) == {SENT: 5}


def test_an_smtp_test_is_in_no_cell() -> None:
    assert cell(message(Job("j", test=True).sent())) is None


def test_accepted_is_the_sum_of_all_standings() -> None:
    [of] = figures(
        Counter(
            {
                SENT: 80,
                DELAYED: 4,
                Cell("spring", "b.example", "failed", 1, "hard"): 10,
                Cell("spring", "b.example", "cancelled", -1, ""): 3,
                Cell("spring", "b.example", "accepted", -1, ""): 3,
                Cell("autumn", "b.example", "sent", -1, ""): 0,
            }
        )
    )
    assert (of.accepted, of.sent, of.failed, of.cancelled, of.in_flight, of.success) == (100, 80, 10, 3, 7, 80.0)
    assert list(of.by_domain) == ["example.net", "b.example"]
    assert of.by_domain["b.example"].processed == 10  # neither waiting nor cancelled


def test_a_hundred_percent_means_all() -> None:
    assert percent(999_999, 1_000_000) == 99.99
    assert percent(10, 10) == 100.0
    assert percent(0, 0) == 0.0


def test_reasons_have_the_campaigns_names() -> None:
    assert [reason_name(number) for number in (0, 1, 20, 7)] == ["not_defined", "user_unknown", "refused", "7"]


def test_the_report_is_readable_and_takes_no_orders_from_names() -> None:
    cells = {
        SENT: 98,
        Cell("spring", "bad.example", "failed", 1, "hard"): 2,
        Cell("[bold]x", "[red]", "sent", -1, ""): 1,
    }
    console = Console(width=100)
    with console.capture() as captured:
        console.print(report(figures(cells)))
    text = captured.get()
    assert "98.00 %" in text
    assert "user unknown" in text
    assert "!" in text
    assert "[bold]x" in text
    assert "[red]" in text


def test_nothing_to_report_is_said_in_words() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(report([]))
    assert "No delivery" in captured.get()


def test_hard_errors_are_counted_by_reason_and_domain() -> None:
    moved = changes({}, [message(Job("a").failed(HARD)), message(Job("b").failed(SOFT))])
    [of] = figures(moved)
    assert {name: (r.failed, r.in_flight) for name, r in of.by_reason.items()} == {
        "user_unknown": (1, 0),
        "unreachable": (1, 0),
    }
