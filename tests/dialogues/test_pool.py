"""The pool with servers that oblige: what is opened, shared, kept and closed."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import pytest
from msgspec.structs import replace

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Phase, Refused, Trouble
from mta.envelope import Envelope
from mta.lane import Lane, Source
from mta.routing.route import Host, NoRoute, Route
from mta.routing.security import Security
from mta.routing.tlsa import Tlsa
from mta.smtp import Mail, Offers
from mta.smtp.pool import Pool
from mta.traffic.rule import Family, Rule, Timeouts, TlsPolicy
from tests.dialogues.obliging import Obliging
from tests.dialogues.script import Certificates, Scripted, sockets
from tests.virtual import VirtualLoop

SOURCE = Source(pool="default", helo="client.example")
RULE = Rule(name="test", connections=2, timeouts=Timeouts(connect=5.0))
MESSAGE = b"Subject: x\r\n\r\nx\r\n"
CERTIFICATES = Certificates()


class LeapingLoop(VirtualLoop):
    """Real sockets in virtual time: it leaps only when no socket has had anything to say for a moment."""

    def _run_once(self) -> None:
        if not self._ready:  # type: ignore[attr-defined]
            self._process_events(self._selector.select(0.02))  # type: ignore[attr-defined]
        super()._run_once()


def leaping(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            runner.run(test())

    return run


async def yes() -> bool:
    return True


@dataclass
class Sending:
    """A pool, and who asks what of it."""

    hosts: tuple[Host, ...]
    rule: Rule = RULE
    source: Source = SOURCE
    addresses: dict[str, tuple[str, ...] | NoRoute] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    composed: list[Offers] = field(default_factory=list)
    security: Security | NoRoute | None = None
    hindrance: Broken | None = None

    def __post_init__(self) -> None:
        self.pool = Pool(self._addresses) if self.security is None else Pool(self._addresses, securities=self._secure)

    async def _addresses(self, host: Host) -> tuple[str, ...] | NoRoute:
        self.asked.append(host.name)
        return self.addresses.get(host.name, ("127.0.0.1",))

    async def _secure(self, route: Route, host: Host, policy: TlsPolicy) -> Security | NoRoute:
        assert self.security is not None
        return self.security

    async def send(
        self,
        recipient: str = "r@example.net",
        *,
        hosts: tuple[Host, ...] | None = None,
        intend: Callable[[], object] = yes,
        test: bool = False,
    ) -> Attempt:
        async def compose(offers: Offers) -> bytes:
            self.composed.append(offers)
            return MESSAGE

        route = Route(site="site", domain="example.net", hosts=hosts or self.hosts)
        mail = Mail(
            envelope=Envelope("a@example.com", recipient),
            compose=compose,
            test=test,
            hindrance=lambda: self.hindrance,
        )
        return await self.pool.send(mail, Lane(self.source, "site"), route, self.rule, intend)  # type: ignore[arg-type]

    async def send_all(self, count: int) -> list[Attempt]:
        return await asyncio.gather(*(self.send(f"r{number}@example.net") for number in range(count)))


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    before = sockets()
    yield
    await asyncio.sleep(0)
    assert sockets() == before


def host(server: Obliging | Scripted, name: str = "mx1.example") -> Host:
    return Host(name, server.port)


def delivered(attempts: list[Attempt]) -> bool:
    return all(isinstance(attempt.ending, Delivered) for attempt in attempts)


async def test_a_lane_never_has_more_connections_than_its_rule_allows() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),))
        assert delivered(await sending.send_all(30))
        await sending.pool.close()
    assert server.most_open == server.connections == 2
    assert len(set(server.taken)) == 30


async def test_addresses_are_asked_only_for_new_connections() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        assert delivered([await sending.send() for _ in range(5)])
        await sending.pool.close()
    assert sending.asked == ["mx1.example"]


async def test_messages_per_connection_are_honoured() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1, messages_per_connection=3))
        assert delivered(await sending.send_all(10))
        await sending.pool.close()
    assert server.connections == 4
    assert server.most_open == 1


async def test_messages_per_connection_are_learnt_from_the_servers_421() -> None:
    async with Obliging(limit=3) as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        assert delivered([await sending.send() for _ in range(12)])
        await sending.pool.close()
    assert server.connections == 4
    assert sum(command.startswith("MAIL") for command in server.commands) == 13  # once it was told


async def test_messages_per_connection_are_learnt_from_a_server_that_closes_without_a_word() -> None:
    async with Obliging(limit=3, mute=True) as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        assert delivered(await sending.send_all(15))
        await sending.pool.close()
    assert server.connections == 5
    assert sum(command.startswith("MAIL") for command in server.commands) == 17  # it is believed at the second time


async def test_each_attempt_says_which_message_on_its_connection_it_was() -> None:
    async with Obliging(limit=3) as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        assert [(await sending.send()).nth for _ in range(7)] == [1, 2, 3, 1, 2, 3, 1]
        await sending.pool.close()


AGEING = Rule(name="test", connections=1, connection_age=300.0, timeouts=Timeouts(idle=3600.0))


@leaping
async def test_an_idle_connection_is_closed_when_it_comes_of_age() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=AGEING)
        await sending.send()
        await asyncio.sleep(200.0)
        await sending.send()
        assert (server.open, server.connections) == (1, 1)
        await asyncio.sleep(101.0)
        assert (server.open, server.commands[-1]) == (0, "QUIT")
        assert (await sending.send()).nth == 1
        await sending.pool.close()
    assert server.connections == 2


@leaping
async def test_a_connection_that_comes_of_age_ends_the_mails_it_has_and_takes_no_other() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=AGEING)
        server.gate.clear()
        first = asyncio.create_task(sending.send("r1@example.net"))
        await server.dots.acquire()
        await asyncio.sleep(301.0)
        second = asyncio.create_task(sending.send("r2@example.net"))
        await asyncio.sleep(1.0)
        assert server.commands.count("DATA") == 1
        server.gate.set()
        assert delivered([await first, await second])
        await sending.pool.close()
    assert server.connections == 2
    assert server.most_open == 1


async def test_an_idle_session_gives_way_to_one_to_another_host() -> None:
    async with Obliging() as one, Obliging() as other:
        sending = Sending((host(one),), rule=Rule(name="test", connections=1))
        await sending.send()
        assert delivered([await sending.send(hosts=(host(other, "mx2.example"),))])
        assert one.commands[-1] == "QUIT"
        await sending.pool.close()


async def test_a_mail_waits_for_room_that_others_use_for_other_hosts() -> None:
    async with Obliging() as one, Obliging() as other:
        sending = Sending((host(one),), rule=Rule(name="test", connections=1))
        ways = [(host(one),), (host(other, "mx2.example"),)] * 10
        assert delivered(await asyncio.gather(*(sending.send(hosts=way) for way in ways)))
        await sending.pool.close()
    assert len(one.taken) == len(other.taken) == 10


async def test_any_host_of_the_route_with_an_idle_session_will_do() -> None:
    async with Obliging() as one, Obliging() as other:
        hosts = (host(one), host(other, "mx2.example"))
        sending = Sending(hosts)
        await sending.send()
        await sending.send(hosts=hosts[::-1])
        await sending.pool.close()
    assert (one.connections, other.connections) == (1, 0)


async def test_idle_sessions_are_closed_in_time() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", timeouts=Timeouts(idle=0.05)))
        await sending.send_all(3)
        while repr(sending.pool) != "<Pool empty>":
            await asyncio.sleep(0.01)
        assert server.commands.count("QUIT") == server.connections
        assert server.open == 0
        assert delivered([await sending.send()])
        await sending.pool.close()


async def test_mails_behind_a_dot_that_is_not_answered_yet_keep_their_order() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        server.gate.clear()
        first = asyncio.create_task(sending.send("r1@example.net"))
        await server.dots.acquire()
        second = asyncio.create_task(sending.send("r2@example.net"))
        third = asyncio.create_task(sending.send("r3@example.net"))
        server.gate.set()
        assert delivered([await first, await second, await third])
        await sending.pool.close()
    assert server.connections == 1
    assert server.taken == ["r1@example.net", "r2@example.net", "r3@example.net"]


async def test_nothing_goes_behind_a_dot_where_pipelining_is_not_offered() -> None:
    async with Obliging(pipelining=False) as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        assert delivered(await sending.send_all(5))
        await sending.pool.close()
    assert server.connections == 1


async def test_a_refused_recipient_costs_nobody_else_anything() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        names = [f"{'no' if number % 2 else 'r'}{number}@example.net" for number in range(10)]
        attempts = await asyncio.gather(*(sending.send(name) for name in names))
        await sending.pool.close()
    assert [isinstance(attempt.ending, Refused) for attempt in attempts] == [False, True] * 5
    assert server.connections == 1


async def test_a_message_is_composed_once_for_hosts_that_offer_as_much() -> None:
    async with Obliging(limit=1) as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        await sending.send()
        await sending.send()  # told 421 on the kept session first
        await sending.pool.close()
    assert len(sending.composed) == 2


async def test_a_dead_host_is_avoided() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        dead = Host("dead.example", reserved.getsockname()[1])
    async with Obliging() as server:
        sending = Sending((dead, host(server)), rule=Rule(name="test", messages_per_connection=1))
        assert delivered([await sending.send() for _ in range(3)])
        await sending.pool.close()
    assert sending.asked == ["dead.example", "mx1.example", "mx1.example", "mx1.example"]


async def test_a_host_that_refuses_everybody_in_its_greeting_is_avoided_like_a_dead_one() -> None:
    async with Scripted([[("S", "554 No"), ("!", "end")]], CERTIFICATES) as grim, Obliging() as server:
        sending = Sending((host(grim, "grim.example"), host(server)), rule=Rule(name="test", messages_per_connection=1))
        assert delivered([await sending.send() for _ in range(2)])
        await sending.pool.close()
    assert grim.faults == []
    assert sending.asked == ["grim.example", "mx1.example", "mx1.example"]


async def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    sending = Sending((Host("a.example", port), Host("b.example", port)))
    attempt = await sending.send()
    await sending.pool.close()
    assert isinstance(attempt.ending, Broken)
    assert attempt.ending.trouble is Trouble.UNREACHABLE
    assert (attempt.path.mx_host, attempt.path.remote_ip) == ("b.example", "127.0.0.1")


async def test_a_host_that_does_not_answer_is_given_up_in_time_and_the_next_one_tried() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as mute, socket.socket() as first, socket.socket() as second:
        for each in (first, second):  # its queue is full: nobody else gets an answer
            each.setblocking(False)
            each.connect_ex(mute.getsockname())
        silent = Host("silent.example", mute.getsockname()[1])
        async with Obliging() as server:
            sending = Sending((silent, host(server)), rule=Rule(name="test", timeouts=Timeouts(connect=0.1)))
            assert isinstance((await sending.send()).ending, Delivered)
            attempt = await sending.send(hosts=(silent,))
            await sending.pool.close()
    assert attempt.phase is Phase.CONNECT
    assert isinstance(attempt.ending, Broken)
    assert attempt.ending.trouble is Trouble.TIMEOUT


async def test_only_the_addresses_of_the_rules_family_are_tried() -> None:
    async with Obliging() as server:
        sending = Sending(
            (host(server),),
            rule=Rule(name="test", ip=Family.IPV6),
            addresses={"mx1.example": ("127.0.0.1", "::1")},
        )
        attempt = await sending.send()
        await sending.pool.close()
    assert server.connections == 0
    assert isinstance(attempt.ending, Broken)
    assert attempt.path.remote_ip == "::1"


async def test_what_hinders_a_mail_at_the_last_moment_ends_it_before_its_first_command() -> None:
    stopped = Broken(Trouble.STOPPED, "suspended")
    async with Obliging() as server:
        sending = Sending((host(server),), hindrance=stopped)
        attempt = await sending.send()
        sending.hindrance = None
        assert delivered([await sending.send()])
        await sending.pool.close()
    assert (attempt.phase, attempt.ending) == (Phase.MAIL, stopped)
    assert server.connections == 1
    assert sum(command.startswith("MAIL") for command in server.commands) == 1


@pytest.mark.parametrize(("waited", "outcome"), [(599.0, Delivered), (601.0, Doubtful)])
def test_a_verdict_may_come_up_to_ten_minutes_after_the_dot(waited: float, outcome: type[object]) -> None:
    @leaping
    async def play() -> None:
        async with Obliging() as server:
            sending = Sending((host(server),))
            server.gate.clear()
            task = asyncio.create_task(sending.send())
            await server.dots.acquire()
            await asyncio.sleep(waited)
            server.gate.set()
            assert isinstance((await task).ending, outcome)
            await sending.pool.close()

    play()


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), addresses={"mx1.example": ("127.0.0.9", "127.0.0.1")})
        attempt = await sending.send()
        await sending.pool.close()
    assert isinstance(attempt.ending, Delivered)
    assert attempt.path.remote_ip == "127.0.0.1"


async def test_a_host_without_address_says_so_and_the_next_one_is_tried() -> None:
    nothing = NoRoute(Trouble.NO_ADDRESS, "gone.example has no address")
    async with Obliging() as server:
        gone = Host("gone.example", server.port)
        sending = Sending((gone, host(server)), addresses={"gone.example": nothing})
        assert isinstance((await sending.send()).ending, Delivered)
        assert (await sending.send(hosts=(gone,))).ending == Broken(Trouble.NO_ADDRESS, nothing.text)
        await sending.pool.close()


async def test_the_source_address_is_bound_and_its_family_kept_to() -> None:
    async with Obliging() as server:
        sending = Sending(
            (host(server),),
            source=replace(SOURCE, address="127.0.0.5"),
            addresses={"mx1.example": ("::1", "127.0.0.1"), "six.example": ("::1",)},
        )
        attempt = await sending.send()
        assert (attempt.path.source_ip, attempt.path.remote_ip) == ("127.0.0.5", "127.0.0.1")
        attempt = await sending.send(hosts=(Host("six.example", server.port),))
        assert isinstance(attempt.ending, Broken)
        assert attempt.text == "six.example has no address that 127.0.0.5 and rule test may send to"
        await sending.pool.close()


async def test_the_attempt_says_which_way_it_took_and_how_long() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),))
        fresh, kept = await sending.send(), await sending.send()
        await sending.pool.close()
    path = fresh.path
    assert (path.site, path.mx_host, path.remote_ip, path.source_ip) == (
        "site",
        "mx1.example",
        "127.0.0.1",
        "127.0.0.1",
    )
    assert (path.helo, path.tls) == ("client.example", None)
    assert fresh.banner_time is not None
    assert kept.banner_time is None
    assert kept.dot_time is not None
    assert kept.duration >= kept.dot_time


async def test_a_mail_cancelled_before_its_dot_is_never_taken() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),))
        asked = asyncio.Event()

        async def never() -> bool:
            asked.set()
            await asyncio.Event().wait()
            return True

        task = asyncio.create_task(sending.send(intend=never))
        await asked.wait()
        task.cancel()
        await asyncio.wait([task])
        assert delivered([await sending.send("r2@example.net")])
        await sending.pool.close()
    assert task.cancelled()
    assert server.taken == ["r2@example.net"]


async def test_a_mail_cancelled_behind_anothers_dot_leaves_that_one_its_answer() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        server.gate.clear()
        first = asyncio.create_task(sending.send("r1@example.net"))
        await server.dots.acquire()
        second = asyncio.create_task(sending.send("r2@example.net"))
        third = asyncio.create_task(sending.send("r3@example.net"))
        for _ in range(5):
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        server.gate.set()
        assert delivered([await first, await third])
        await sending.pool.close()
    assert server.taken == ["r1@example.net", "r3@example.net"]


async def test_whoever_waits_when_the_pool_closes_is_told_so() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), rule=Rule(name="test", connections=1))
        server.gate.clear()
        busy = [asyncio.create_task(sending.send(f"r{number}@example.net")) for number in range(4)]
        await server.dots.acquire()
        await sending.pool.close()
        server.gate.set()
        attempts = await asyncio.gather(*busy)
        late = await sending.send()
    endings = [attempt.ending for attempt in attempts]
    assert isinstance(endings[0], Delivered)
    assert isinstance(endings[-1], Broken)
    assert endings[-1].trouble is Trouble.SHUTDOWN
    assert isinstance(late.ending, Broken)
    assert late.ending.trouble is Trouble.SHUTDOWN


TLS_SCRIPT = [
    ("S", "220 mx1.example"),
    ("C", "EHLO"),
    ("S", r"250-mx1.example\r\n250-PIPELINING\r\n250 STARTTLS"),
    ("C", "STARTTLS"),
    ("S", "220 Go"),
    ("!", "tls good"),
]
TAKEN_SCRIPT = [
    ("C", "EHLO"),
    ("S", r"250-mx1.example\r\n250 PIPELINING"),
    ("C", "MAIL"),
    ("C", "RCPT"),
    ("C", "DATA"),
    ("S", r"250 Ok\r\n250 Ok\r\n354 Go"),
    ("M", ""),
    ("S", "250 Taken"),
    ("C", "QUIT"),
    ("S", "221 Bye"),
]


def anchor() -> Tlsa:
    return Tlsa(2, 0, 0, ssl.PEM_cert_to_DER_cert(CERTIFICATES.authority.cert_pem.bytes().decode()))


async def test_a_tlsa_record_vouches_for_the_server() -> None:
    security = Security(required=True, auth="dane", tlsa=(anchor(),), names=("mx1.example",))
    async with Scripted([TLS_SCRIPT + TAKEN_SCRIPT], CERTIFICATES) as server:
        sending = Sending((host(server),), security=security)
        attempt = await sending.send()
        await sending.pool.close()
    assert server.faults == []
    assert isinstance(attempt.ending, Delivered)
    assert attempt.path.tls is not None
    assert attempt.path.tls.auth == "dane"
    assert attempt.path.tls.version.startswith("TLSv1.")
    assert attempt.path.tls.cipher
    assert attempt.path.tls.certificate == CERTIFICATES.shown.hex()


@pytest.mark.parametrize(
    "security",
    [
        Security(required=True, auth="dane", tlsa=(Tlsa(3, 1, 1, b"x" * 32),), names=("mx1.example",)),
        Security(required=True, auth="dane", tlsa=(anchor(),), names=("mx9.example",)),
        Security(required=True, auth="mta-sts"),  # the test's authority is not one of the system's
    ],
    ids=["another certificate", "another name", "unknown authority"],
)
async def test_without_what_its_policy_asks_for_no_mail_passes(security: Security) -> None:
    async with Scripted([[*TLS_SCRIPT, ("!", "end")]], CERTIFICATES) as server:
        sending = Sending((host(server),), security=security)
        attempt = await sending.send()
        await sending.pool.close()
    assert isinstance(attempt.ending, Broken)
    assert attempt.ending.trouble is Trouble.TLS_FAILED
    assert server.messages == []


async def test_a_host_that_its_policy_forbids_for_now_is_not_connected_to() -> None:
    async with Obliging() as server:
        sending = Sending((host(server),), security=NoRoute(Trouble.DNS_FAILURE, "no answer about TLSA"))
        attempt = await sending.send()
        await sending.pool.close()
    assert attempt.ending == Broken(Trouble.DNS_FAILURE, "no answer about TLSA")
    assert server.connections == 0
