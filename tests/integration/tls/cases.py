"""What a policy asks for, what there is, and what must become of the mail: the table of TLS policies.

Expected is `delivered AUTH` (`none`: encrypted, to whoever it was; `clear`: not even that) or the trouble that keeps the
mail back; `+sts_testing` where the log must tell what a policy in force would have done. Several mails are parted by `, `.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.integration.tls.certificates import ders, tlsa
from tests.integration.tls.world import ALIAS, DOMAIN, MX, Setting, World
from tests.nameserver import Fails, Silent

ENFORCE = f"version: STSv1\nmode: enforce\nmx: {MX}\nmax_age: 86400\n"
ELSEWHERE = ENFORCE.replace(MX, "other.example.net")
TESTING, TESTING_ELSEWHERE = (text.replace("enforce", "testing") for text in (ENFORCE, ELSEWHERE))
NONE = "version: STSv1\nmode: none\nmax_age: 86400\n"

Play = Callable[[World, str], Awaitable[str]]


@dataclass(frozen=True)
class Case:
    """One row. `play` does more than to send one mail."""

    name: str
    tls: str
    setting: Setting
    expected: str
    play: Play | None = None

    async def got(self, world: World) -> str:
        return await (self.play(world, self.tls) if self.play else world.outcome(self.tls))


def sts(name: str, expected: str, play: Play | None = None, **setting: str | None) -> Case:
    return Case(name, "mta-sts", Setting(**({"file": ENFORCE} | setting)), expected, play)  # type: ignore[arg-type]


def dane(name: str, expected: str, play: Play | None = None, **setting: object) -> Case:
    return Case(name, "dane", Setting(**setting), expected, play)  # type: ignore[arg-type]


def leaf(fields: str, kind: str = "good") -> tuple[str, ...]:
    return (tlsa(fields, ders(kind, MX)[0]),)


def anchor(fields: str, kind: str = "good") -> tuple[str, ...]:
    return (tlsa(fields, ders(kind, MX)[-1]),)


async def outlives_dns(world: World, tls: str) -> str:
    """A policy once seen holds though its record can no longer be had, nor its file."""
    first = await world.outcome(tls)
    world.zone[f"_mta-sts.{DOMAIN} TXT"] = Fails("SERVFAIL")
    world.files.clear()
    world.now += 8 * 3600
    return f"{first}, {await world.outcome(tls)}"


async def ends(world: World, tls: str) -> str:
    first = await world.outcome(tls)
    world.files.clear()
    world.now += 86_401
    return f"{first}, {await world.outcome(tls)}"


async def changes(world: World, tls: str) -> str:
    world.most = 1
    first = await world.outcome(tls)
    world.files[f"mta-sts.{DOMAIN}"] = ENFORCE
    world.zone[f"_mta-sts.{DOMAIN} TXT"] = ('"v=STSv1; id=2;"',)
    world.now += 6 * 3600 + 600
    return f"{first}, {await world.outcome(tls)}"


async def keeps_apart(world: World, tls: str) -> str:
    """Two domains on one host, of which one has a policy: four mails in turn over two connections."""
    world.zone["example.org MX"] = (f"10 {MX}.",)
    domains = [DOMAIN, "example.org"] * 2
    got = [await world.outcome(tls, domain) for domain in domains]
    return f"{', '.join(got)}, {world.sink.connections} connections"


async def forgets_for_others(world: World, tls: str) -> str:
    """That a host's TLS is broken, and mail went in clear, is nothing to a policy."""
    return f"{await world.outcome('opportunistic')}, {await world.outcome(tls)}"


async def next_host(world: World, tls: str) -> str:
    """The host that the policy does not name goes first by its preference."""
    world.zone[f"{DOMAIN} MX"] = (f"10 stranger.{DOMAIN}.", f"20 {MX}.")
    world.zone[f"stranger.{DOMAIN} A"] = ("127.0.0.1",)
    return await world.outcome(tls)


async def one_fetch(world: World, tls: str) -> str:
    got = [await world.outcome(tls) for _ in range(3)]
    return f"{', '.join(got)}, {world.fetched} fetched"


async def alias(world: World, tls: str) -> str:
    """The host's name leads to another, which makes the promise and is on the certificate."""
    world.zone[f"{DOMAIN} MX"] = (f"10 {ALIAS}.",)
    return await world.outcome(tls)


CASES = [
    sts("good certificate", "delivered mta-sts"),
    sts("certificate for another name", "tls_failed", smtp="wrong name"),
    sts("certificate expired", "tls_failed", smtp="expired"),
    sts("certificate of an unknown authority", "tls_failed", smtp="unknown authority"),
    sts("certificate self-signed", "tls_failed", smtp="self-signed"),
    sts("no STARTTLS", "tls_missing", smtp=None),
    sts("TLS broken", "tls_failed", smtp="no cipher"),
    sts("TLS broken, and known to be", "delivered clear, tls_failed", forgets_for_others, smtp="no cipher"),
    sts("policy names other hosts", "tls_failed", file=ELSEWHERE),
    sts("policy names the second host only", "delivered mta-sts", next_host),
    sts("policy names a wild card", "delivered mta-sts", file=ENFORCE.replace(MX, "*.example.net")),
    sts("testing, good certificate", "delivered mta-sts", file=TESTING),
    sts("testing, wrong name", "delivered none +sts_testing", file=TESTING, smtp="wrong name"),
    sts("testing, no STARTTLS", "delivered clear +sts_testing", file=TESTING, smtp=None),
    sts("testing, TLS broken", "delivered clear +sts_testing", file=TESTING, smtp="no cipher"),
    sts("testing, other hosts", "delivered none +sts_testing", file=TESTING_ELSEWHERE),
    sts("mode none, wrong name", "delivered none", file=NONE, smtp="wrong name"),
    sts("no policy, self-signed", "delivered none", file=None, smtp="self-signed"),
    sts("no policy, no STARTTLS", "delivered clear", file=None, smtp=None),
    sts("policy not to be had: nobody there", "delivered none", web=None, smtp="self-signed"),
    sts("policy not to be had: wrong certificate", "delivered none", web="wrong name", smtp="self-signed"),
    sts("policy not to be had: expired certificate", "delivered none", web="expired", smtp="self-signed"),
    sts("policy that is none", "delivered none", file="<html>", smtp="self-signed"),
    sts("policy kept when DNS and web fail", "tls_failed, tls_failed", outlives_dns, smtp="wrong name"),
    sts("policy at its end, not to be renewed", "tls_failed, delivered none", ends, smtp="wrong name"),
    sts("policy changed by a new id", "delivered none, tls_failed", changes, smtp="wrong name", file=NONE),
    sts("policy fetched once", "delivered mta-sts, delivered mta-sts, delivered mta-sts, 1 fetched", one_fetch),
    sts(
        "sessions of two domains kept apart",
        "delivered mta-sts, delivered none, delivered mta-sts, delivered none, 2 connections",
        keeps_apart,
    ),
    dane("3 1 1, self-signed", "delivered dane", smtp="self-signed", tlsa=leaf("3 1 1", "self-signed")),
    dane(
        "3 0 2, unknown authority", "delivered dane", smtp="unknown authority", tlsa=leaf("3 0 2", "unknown authority")
    ),
    dane("3 1 0, whole key", "delivered dane", tlsa=leaf("3 1 0")),
    dane("3 1 1, wrong name: no matter", "delivered dane", smtp="wrong name", tlsa=leaf("3 1 1", "wrong name")),
    dane("3 1 1, expired: no matter", "delivered dane", smtp="expired", tlsa=leaf("3 1 1", "expired")),
    dane("3 1 1 of another key", "tls_failed", tlsa=leaf("3 1 1", "self-signed")),
    dane("3 1 1 of another key and the right one", "delivered dane", tlsa=leaf("3 1 1", "expired") + leaf("3 1 1")),
    dane("2 0 1", "delivered dane", smtp="unknown authority", tlsa=anchor("2 0 1", "unknown authority")),
    dane("2 1 1, wrong name", "tls_failed", smtp="wrong name", tlsa=anchor("2 1 1")),
    dane("2 1 1, expired", "tls_failed", smtp="expired", tlsa=anchor("2 1 1")),
    dane("2 1 1 of another authority", "tls_failed", tlsa=anchor("2 1 1", "unknown authority")),
    dane("2 0 1, anchor not sent", "tls_failed", smtp="anchor kept back", tlsa=anchor("2 0 1")),
    dane("2 0 0, anchor not sent", "delivered dane", smtp="anchor kept back", tlsa=anchor("2 0 0")),
    dane("2 1 1 at an alias's end", "delivered dane", alias, tlsa=anchor("2 1 1")),
    dane("unusable records, self-signed", "delivered none", smtp="self-signed", tlsa=leaf("1 1 1")),
    dane("unusable records, no STARTTLS", "tls_missing", smtp=None, tlsa=leaf("1 1 1")),
    dane("3 1 1, no STARTTLS", "tls_missing", smtp=None, tlsa=leaf("3 1 1")),
    dane(
        "3 1 1, TLS broken and known to be",
        "delivered clear, tls_failed",
        forgets_for_others,
        smtp="no cipher",
        tlsa=leaf("3 1 1"),
    ),
    dane("TLSA SERVFAIL", "dns_failure", tlsa=Fails("SERVFAIL")),
    dane("TLSA never answered", "dns_timeout", tlsa=Silent()),
    dane(
        "TLSA SERVFAIL, zone of the host not signed", "delivered none", tlsa=Fails("SERVFAIL"), unsigned=frozenset({MX})
    ),
    dane(
        "3 1 1 of another key, MX not signed",
        "delivered none",
        tlsa=leaf("3 1 1", "expired"),
        unsigned=frozenset({DOMAIN}),
    ),
    dane("no TLSA, self-signed", "delivered none", smtp="self-signed"),
    dane("no TLSA, no STARTTLS", "delivered clear", smtp=None),
    dane("no TLSA, MTA-STS enforced", "delivered mta-sts", file=ENFORCE),
    dane("no TLSA, MTA-STS enforced, wrong name", "tls_failed", file=ENFORCE, smtp="wrong name"),
    dane("3 1 1 of another key, MTA-STS content", "tls_failed", file=ENFORCE, tlsa=leaf("3 1 1", "expired")),
    dane("3 1 1, MTA-STS names other hosts", "delivered dane", file=ELSEWHERE, tlsa=leaf("3 1 1")),
    dane("smart host, 3 1 1", "delivered dane", smart_host=True, tlsa=leaf("3 1 1")),
    dane("smart host, 3 1 1 of another key", "tls_failed", smart_host=True, tlsa=leaf("3 1 1", "expired")),
    Case("rule required, good certificate", "required", Setting(), "delivered pkix"),
    Case("rule required, unknown authority", "required", Setting(smtp="unknown authority"), "tls_failed"),
    Case(
        "rule opportunistic: nothing is asked",
        "opportunistic",
        Setting(file=ELSEWHERE, tlsa=leaf("3 1 1", "expired")),
        "delivered none",
    ),
]


def servable(case: Case) -> bool:
    """By a zone that is signed as a whole or not at all, and stays as it is."""
    return (
        case.tls == "dane"
        and case.play is None
        and not isinstance(case.setting.tlsa, Silent)
        and case.setting.unsigned in (frozenset(), frozenset({DOMAIN}))
    )
