"""What an attempt says about the site, and only about the site."""

import pytest
from msgspec.structs import replace

from mta.attempt import Doubtful, Phase, Trouble
from mta.traffic.phrases import asked_pause
from mta.traffic.rule import Reaction
from mta.traffic.signal import Kind, Limit, Signal, read_signal, signal_of
from tests.unit.mta.traffic.site import RULE, attempt, broken, delivered, refused

SLOW, CLEAR, NEUTRAL = Kind.SLOW_DOWN, Kind.CLEAR, Kind.NEUTRAL


@pytest.mark.parametrize(
    ("line", "phase", "kind", "limit"),
    [
        ("421 4.7.0 Too many concurrent SMTP connections from your address", Phase.BANNER, SLOW, Limit.CONNECTIONS),
        ("450 4.7.1 Error: too many connections from 192.0.2.1", Phase.RCPT, SLOW, Limit.CONNECTIONS),
        ("421 too many sessions from this IP. Lower the number of concurrent sessions", Phase.EHLO, SLOW, Limit.CONNECTIONS),
        ("421 4.7.0 Connection rate limit exceeded", Phase.BANNER, SLOW, Limit.RATE),
        ("451 4.7.1 You are sending too fast, slow down", Phase.MAIL, SLOW, Limit.RATE),
        ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", Phase.BODY, SLOW, Limit.RATE),
        ("550 This IP has sent too many messages this hour", Phase.RCPT, SLOW, Limit.RATE),
        ("421 Too many messages in this connection", Phase.MAIL, SLOW, Limit.PER_CONNECTION),
        ("421 4.7.0 Maximum number of messages per session reached", Phase.MAIL, SLOW, Limit.PER_CONNECTION),
        ("421 Service not available", Phase.BANNER, SLOW, Limit.CONNECTIONS),
        ("451 4.3.2 System not accepting network messages", Phase.MAIL, SLOW, Limit.NONE),
        ("451 4.7.500 Server busy", Phase.BODY, SLOW, Limit.NONE),
        ("554 5.7.1 Service unavailable; blocked using zen.spamhaus.org", Phase.RCPT, Kind.SUSPEND, Limit.BLOCK),
        ("550 5.7.1 rejected due to the very low reputation of the sending IP", Phase.BODY, Kind.SUSPEND, Limit.BLOCK),
        ("554 Your IP has been temporarily blocked", Phase.BANNER, Kind.SUSPEND, Limit.BLOCK),
        ("554 This IP has been blocked for the day: too many messages", Phase.BANNER, Kind.SUSPEND, Limit.BLOCK),
        ("550 5.7.1 The sender's domain is listed at Spamhaus", Phase.MAIL, NEUTRAL, Limit.NONE),
        ("451 4.7.1 Greylisted, please try again in 5 minutes", Phase.RCPT, Kind.GREYLISTED, Limit.NONE),
        ("450 4.2.0 Recipient address rejected: Greylisting in effect", Phase.RCPT, Kind.GREYLISTED, Limit.NONE),
        ("550 5.1.1 User unknown", Phase.RCPT, CLEAR, Limit.NONE),
        ("552 5.2.2 Mailbox full", Phase.RCPT, CLEAR, Limit.NONE),
        ("452 4.2.2 The recipient's inbox is over quota", Phase.RCPT, CLEAR, Limit.NONE),
        ("450 4.2.1 The user you are trying to contact is receiving mail at a rate that", Phase.RCPT, CLEAR, Limit.NONE),
        ("554 5.7.1 Message contains a virus", Phase.BODY, NEUTRAL, Limit.NONE),
        ("550 5.7.26 blocked because the sender is unauthenticated: SPF or DKIM", Phase.BODY, NEUTRAL, Limit.NONE),
        ("451 4.3.0 Local error in processing", Phase.BODY, NEUTRAL, Limit.NONE),
        ("550 No", Phase.RCPT, NEUTRAL, Limit.NONE),
        ("554 no SMTP service here", Phase.BANNER, Kind.UNREACHABLE, Limit.NONE),
        ("250 2.0.0 OK", Phase.BODY, CLEAR, Limit.NONE),
        ("no code at all", Phase.BODY, NEUTRAL, Limit.NONE),
        ("", Phase.BODY, NEUTRAL, Limit.NONE),
    ],
)  # fmt: skip
def test_words_and_codes_of_one_reply(line: str, phase: Phase, kind: Kind, limit: Limit) -> None:
    signal = signal_of(line, phase)
    assert (signal.kind, signal.limit) == (kind, limit)


def test_a_delivered_message_is_clear_road() -> None:
    assert read_signal(delivered(), RULE) == Signal(CLEAR)


@pytest.mark.parametrize("trouble", [Trouble.UNREACHABLE, Trouble.TIMEOUT, Trouble.LOST])
def test_a_connection_that_fails_says_unreachable(trouble: Trouble) -> None:
    assert read_signal(broken(trouble, Phase.CONNECT), RULE).kind is Kind.UNREACHABLE


def test_a_connection_lost_after_the_dot_says_slow_down_for_the_site_was_reached() -> None:
    assert read_signal(attempt(Doubtful("lost")), RULE).kind is Kind.SLOW_DOWN


@pytest.mark.parametrize(
    "trouble", [each for each in Trouble if each not in (Trouble.UNREACHABLE, Trouble.TIMEOUT, Trouble.LOST)]
)
def test_our_own_troubles_say_nothing_about_traffic(trouble: Trouble) -> None:
    assert read_signal(broken(trouble, Phase.MAIL), RULE).kind is NEUTRAL


def reacting(action: str, after: tuple[int, float] | None = None) -> Reaction:
    return Reaction(match="zzyzx", action=action, lasts=600.0, after=after)


@pytest.mark.parametrize(
    ("action", "signal"),
    [
        ("slow", Signal(SLOW, Limit.RATE, 600.0)),
        ("suspend", Signal(Kind.SUSPEND, Limit.BLOCK, 600.0)),
        ("reduce_connections", Signal(SLOW, Limit.CONNECTIONS, 600.0)),
        ("reduce_per_connection", Signal(SLOW, Limit.PER_CONNECTION, 600.0)),
    ],
)
def test_a_rules_reaction_goes_before_the_words(action: str, signal: Signal) -> None:
    rule = replace(RULE, reactions=(reacting(action),))
    assert read_signal(refused(550, "5.1.1 User unknown ZZYZX"), rule) == signal


def test_a_reaction_that_wants_several_replies_is_named_for_the_lane_to_count() -> None:
    reaction = reacting("suspend", (3, 60.0))
    rule = replace(RULE, reactions=(reaction,))
    assert read_signal(refused(451, "4.3.0 zzyzx"), rule) == Signal(NEUTRAL, reaction=reaction)


def test_until_it_has_them_a_block_only_slows() -> None:
    reaction = reacting("suspend", (3, 60.0))
    rule = replace(RULE, reactions=(reaction,))
    signal = read_signal(refused(554, "zzyzx listed at spamhaus"), rule)
    assert signal == Signal(SLOW, Limit.RATE, reaction=reaction)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("try again in 5 minutes", 300),
        ("Greylisted, please retry after 30 seconds", 30),
        ("wait 90s", 90),
        ("try again in 2 hours", 7200),
        ("try again in 99999 hours", 14400),
        ("try again in 0 seconds", 1),
        ("try again later", None),
        ("4.7.1 error 450 message 3 of 5", None),
    ],
)
def test_a_reply_may_say_how_long_to_wait_within_reason(text: str, seconds: float | None) -> None:
    assert asked_pause(text) == seconds


def test_a_permanent_refusal_asks_for_no_pause() -> None:
    assert signal_of("550 too many messages, try again in 5 minutes", Phase.RCPT).pause is None
    assert signal_of("450 too many messages, try again in 5 minutes", Phase.RCPT).pause == 300
