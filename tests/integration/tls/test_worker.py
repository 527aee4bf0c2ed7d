"""A worker's own sender, as its settings build it, heeds what is published."""

from pathlib import Path
from random import Random

import pytest

from feedback.qualifier import Qualifier
from mta.attempt import Attempt, Broken, Delivered, Trouble
from mta.envelope import Envelope
from mta.lane import Lane
from mta.routing.route import Route
from mta.smtp import Mail, Offers
from tests.integration.tls.cases import ENFORCE, leaf
from tests.integration.tls.world import DOMAIN, SOURCE, Setting, World, world
from worker import outside
from worker.reading import Reading
from worker.settings import load


async def send(world: World, tls: str, folder: Path) -> Attempt:
    """One mail, by a worker with one traffic rule."""
    (folder / "traffic.toml").write_text(f'[[rule]]\nname = "all"\ndomain = ["*"]\ntls = "{tls}"\n')
    (folder / "mta.toml").write_text(
        f'[smtp]\nport = {world.sink.port}\n[dns]\nnameservers = ["{world.nameserver.address}"]\n'
        'allow_private_mx = true\n[traffic]\nrules = ["traffic.toml"]\n'
    )

    async def compose(_: Offers) -> bytes:
        return b"Subject: x\r\n\r\nx\r\n"

    async def yes(_: object = None) -> bool:
        return True

    seams = outside.build(load(folder / "mta.toml"), Reading(Qualifier.stock()), yes, Random(1))
    route = await seams.routing.route(DOMAIN)
    assert isinstance(route, Route)
    mail = Mail(envelope=Envelope("a@example.com", f"r@{DOMAIN}"), compose=compose)
    try:
        return await seams.relay.send(mail, Lane(SOURCE, route.site), route, seams.rules.match(route), yes)
    finally:
        await seams.relay.close()


async def test_a_rule_dane_is_kept_by_the_right_key(tmp_path: Path) -> None:
    async with world(Setting(tlsa=leaf("3 1 1"))) as here:
        attempt = await send(here, "dane", tmp_path)
    assert isinstance(attempt.ending, Delivered)
    assert attempt.path.tls is not None
    assert attempt.path.tls.auth == "dane"


async def test_a_rule_dane_is_broken_by_another_key(tmp_path: Path) -> None:
    async with world(Setting(tlsa=leaf("3 1 1", "expired"))) as here:
        attempt = await send(here, "dane", tmp_path)
        assert not here.sink.mails
    assert isinstance(attempt.ending, Broken)
    assert attempt.ending.trouble is Trouble.TLS_FAILED


@pytest.mark.parametrize("tls", ["dane", "mta-sts"])
async def test_a_policy_is_asked_for_where_the_rule_heeds_it(tls: str, tmp_path: Path) -> None:
    setting = Setting(file=ENFORCE)
    async with world(setting) as here:
        here.zone[f"mta-sts.{DOMAIN} A"] = ()  # it would be fetched from port 443
        await send(here, "opportunistic", tmp_path)
        unasked = here.nameserver.asked[f"_mta-sts.{DOMAIN} TXT"]
        await send(here, tls, tmp_path)
        asked = here.nameserver.asked[f"mta-sts.{DOMAIN} A"]
    assert unasked == 0
    assert asked > 0
