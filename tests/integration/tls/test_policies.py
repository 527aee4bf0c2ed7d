"""TLS policies from what is published to what becomes of the mail; the table is in `cases`."""

import pytest

from mta.attempt import Trouble
from mta.routing.answer import Answer, Failure
from mta.routing.resolver import Resolver
from tests.integration.tls.cases import CASES, Case, servable
from tests.integration.tls.world import world
from tests.nameserver import Fails
from tests.services.unbound import unbound


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tls}: {case.name}")
async def test_mail_goes_as_its_policy_asks(case: Case) -> None:
    async with world(case.setting) as here:
        assert await case.got(here) == case.expected


@pytest.mark.parametrize("case", [case for case in CASES if servable(case)], ids=lambda case: case.name)
async def test_it_does_behind_a_resolver_that_validates(case: Case) -> None:
    async with world(case.setting, validating=True) as here:
        assert await case.got(here) == case.expected


async def test_a_validating_resolver_vouches_for_what_is_signed_and_fails_what_is_forged() -> None:
    zone = {"a.example.net A": ("127.0.0.1",), "_25._tcp.a.example.net TLSA": Fails("SERVFAIL")}
    with unbound(zone, "example.net") as address:
        resolver = Resolver([address], 3.0)
        found = await resolver.query("a.example.net", "A")
        none = await resolver.query("a.example.net", "AAAA")
        forged = await resolver.query("_25._tcp.a.example.net", "TLSA")
        missing = await resolver.query("b.example.net", "A")
    assert isinstance(found, Answer)
    assert (len(found.records), found.authentic) == (1, True)
    assert isinstance(none, Answer)
    assert (none.records, none.authentic) == ((), True)
    assert isinstance(forged, Failure)
    assert isinstance(missing, Failure)
    assert (forged.trouble, missing.trouble) == (Trouble.DNS_FAILURE, Trouble.NO_DOMAIN)


async def test_nobody_vouches_for_a_zone_without_an_anchor() -> None:
    with unbound({"a.example.net A": ("127.0.0.1",)}, "example.net", anchored=False) as address:
        found = await Resolver([address], 3.0).query("a.example.net", "A")
    assert isinstance(found, Answer)
    assert (len(found.records), found.authentic) == (1, False)
