"""A policy's sites, asked as sessions ask them, by a clock that the test turns."""

import itertools
from dataclasses import dataclass, field

import pytest

from worker.simulation.scenario import read
from worker.sink.audit import Audit
from worker.sink.behaviour import Answer, Ask, Behaviour, Moment
from worker.sink.policy import CommonPort, OwnPort, Site, sites_of


@dataclass
class Town:
    """The sites of a scenario, and clients that come to them."""

    sites: list[Site]
    audit: Audit
    now: float = 0.0
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def ask(self, door: Behaviour, moment: Moment, number: int, rcpt: str = "", peer: str = "192.0.2.1") -> Answer:
        return door(Ask(moment=moment, connection=number, connections=1, now=self.now, peer=peer, rcpt=rcpt))

    def connect(self, door: Behaviour, peer: str = "192.0.2.1") -> tuple[int, str]:
        number = next(self.numbers)
        return number, line(self.ask(door, Moment.CONNECT, number, peer=peer))

    def mail(self, door: Behaviour, number: int, rcpt: str = "reader@example.net") -> str:
        """The first answer that is no acceptance, or the last."""
        for moment in (Moment.MAIL, Moment.RCPT, Moment.DOT):
            answer = self.ask(door, moment, number, rcpt if moment is not Moment.MAIL else "")
            if not answer.accepts:
                break
        return line(answer)


def line(answer: Answer) -> str:
    return answer.reply.line if answer.reply else "silence"


def town(text: str) -> Town:
    audit = Audit()
    return Town(sites_of(read(text, wave=False), audit, began=0.0), audit)


def test_one_connection_more_than_allowed_is_refused_at_the_banner_until_one_is_closed() -> None:
    here = town('[[site]]\nname = "a"\nmax_connections = 2\n')
    door = OwnPort(here.sites[0])
    (first, _), _, (third, said) = (here.connect(door) for _ in range(3))
    assert said.startswith("421 4.7.0 Too many concurrent connections")
    here.ask(door, Moment.CLOSED, third)
    here.ask(door, Moment.CLOSED, first)
    assert here.connect(door)[1].startswith("250")
    assert here.audit.sites["a"].as_json()["peak_connections"] == {"192.0.2.1": 2}


def test_limits_hold_for_each_client_address_by_itself() -> None:
    here = town('[[site]]\nname = "a"\nmax_connections = 1\n')
    door = OwnPort(here.sites[0])
    said = [here.connect(door, peer)[1][:3] for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert said == ["250", "250", "421"]


def test_the_rate_is_refused_at_mail_and_comes_back_with_time() -> None:
    here = town('[[site]]\nname = "a"\nmax_rate = "60/min"\n')
    door = OwnPort(here.sites[0])
    number, _ = here.connect(door)
    said = [here.mail(door, number) for _ in range(12)]
    assert [code[:3] for code in said] == ["250"] * 10 + ["451"] * 2
    assert "rate limit" in said[-1]
    here.now = 2.0
    assert [here.mail(door, number)[:3] for _ in range(3)] == ["250", "250", "451"]
    assert here.audit.sites["a"].as_json()["throttled"] == 3


def test_a_message_too_many_on_a_connection_closes_it() -> None:
    here = town('[[site]]\nname = "a"\nmax_per_connection = 1\n')
    door = OwnPort(here.sites[0])
    number, _ = here.connect(door)
    assert here.mail(door, number).startswith("250")
    answer = here.ask(door, Moment.MAIL, number)
    assert (line(answer)[:9], answer.close) == ("421 4.5.3", True)


def test_a_greylisted_recipient_is_taken_once_its_time_is_over() -> None:
    here = town('[[site]]\nname = "a"\ngreylist = "30s"\n')
    door = OwnPort(here.sites[0])
    number, _ = here.connect(door)
    assert here.mail(door, number).startswith("451 4.7.1 Greylisted")
    here.now = 31.0
    assert here.mail(door, number).startswith("250")
    assert here.mail(door, number, "other@example.net").startswith("451")


def test_the_same_recipients_are_unknown_every_time() -> None:
    here, again = (town('seed = 3\n[[site]]\nname = "a"\nbad_recipients = 0.5\n') for _ in range(2))
    fates = []
    for place in (here, again):
        door = OwnPort(place.sites[0])
        number, _ = place.connect(door)
        fates.append([place.mail(door, number, f"r{n}@example.net")[:3] for n in range(100)])
    assert fates[0] == fates[1]
    assert 30 < fates[0].count("550") < 70


def test_a_site_that_is_down_says_nothing_and_closes() -> None:
    here = town('[[site]]\nname = "a"\ndown = [{at = "10s", for = "5s"}]\n')
    door = OwnPort(here.sites[0])
    number, _ = here.connect(door)
    here.now = 12.0
    answer = here.ask(door, Moment.MAIL, number)
    assert (answer.reply, answer.close) == (None, True)
    assert here.connect(door)[1] == "silence"
    here.now = 15.0
    assert here.connect(door)[1].startswith("250")


def test_a_limit_changes_when_the_file_says_so() -> None:
    here = town('[[site]]\nname = "a"\nmax_connections = 1\nchange = [{at = "1m", max_connections = 2}]\n')
    door = OwnPort(here.sites[0])
    assert [here.connect(door)[1][:3] for _ in range(2)] == ["250", "421"]
    here.now = 60.0
    assert here.connect(door)[1].startswith("250")


def test_who_pushes_is_blocked_for_everything() -> None:
    block = 'block = {throttled_share = 0.2, over = "5m", for = "1h"}'
    here = town(f'[[site]]\nname = "a"\nmax_rate = "60/min"\n{block}\n')
    door = OwnPort(here.sites[0])
    number, _ = here.connect(door)
    said = [here.mail(door, number) for _ in range(30)]
    assert said[-1].startswith("554 5.7.1")
    assert here.connect(door)[1].startswith("554 5.7.1")
    here.now = 3700.0
    assert here.connect(door)[1].startswith("250")


SITES = '[[site]]\nname = "first"\n[[site]]\nname = "big"\n[[site]]\nname = "big.example"\n'


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("big", "big"),
        ("BIG", "big"),
        ("mail.big", "big"),
        ("big.test", "big"),
        ("big.example", "big.example"),
        ("mx.big.example", "big.example"),
        ("bigger.test", "first"),
        ("example.net", "first"),
    ],
)
def test_at_the_common_port_the_domain_names_the_site(domain: str, name: str) -> None:
    assert CommonPort(town(SITES).sites).site_of(f"reader@{domain}").name == name


def test_at_the_common_port_a_connection_counts_where_it_has_recipients() -> None:
    here = town('[[site]]\nname = "a"\nmax_connections = 1\n[[site]]\nname = "b"\n')
    door = CommonPort(here.sites)
    numbers = [here.connect(door)[0] for _ in range(3)]
    assert here.mail(door, numbers[0], "x@a").startswith("250")
    assert here.mail(door, numbers[1], "y@a").startswith("421 4.7.0")
    assert here.mail(door, numbers[2], "y@b").startswith("250")
    here.ask(door, Moment.CLOSED, numbers[0])
    assert here.mail(door, numbers[2], "y@a").startswith("250")


def test_copies_of_a_site_are_sites_of_their_own() -> None:
    assert [site.name for site in town('[[site]]\nname = "s"\ncount = 3\n').sites] == ["s-1", "s-2", "s-3"]
