"""A worker's own sender, as its settings build it, heeds what is published."""

import asyncio
import time
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from feedback.qualifier import Qualifier
from mta.attempt import Attempt, Broken, Delivered, Trouble
from mta.envelope import Envelope
from mta.lane import Lane
from mta.routing.book import Kept
from mta.routing.route import Route
from mta.routing.sts import Mode, StsPolicy
from mta.smtp import Mail, Offers
from tests.integration.tls.cases import ENFORCE, leaf
from tests.integration.tls.world import DOMAIN, SOURCE, Setting, World, world
from worker import outside, process
from worker.delivery import Outside
from worker.policies.sqlite import SqlitePolicies
from worker.reading import Reading
from worker.settings import load


def configured(world: World, tls: str, folder: Path) -> Path:
    """The settings of a worker with one traffic rule."""
    (folder / "traffic.toml").write_text(f'[[rule]]\nname = "all"\ndomain = ["*"]\ntls = "{tls}"\n')
    (folder / "mta.toml").write_text(
        '[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "sqlite:///store.db"\n'
        f'[smtp]\nport = {world.sink.port}\n[dns]\nnameservers = ["{world.nameserver.address}"]\n'
        'allow_private_mx = true\n[traffic]\nrules = ["traffic.toml"]\n'
    )
    return folder / "mta.toml"


async def yes(_: object = None) -> bool:
    return True


async def send(seams: Outside) -> Attempt:
    """One mail."""

    async def compose(_: Offers) -> bytes:
        return b"Subject: x\r\n\r\nx\r\n"

    route = await seams.routing.route(DOMAIN)
    assert isinstance(route, Route)
    mail = Mail(envelope=Envelope("a@example.com", f"r@{DOMAIN}"), compose=compose)
    return await seams.relay.send(mail, Lane(SOURCE, route.site), route, seams.rules.match(route), yes)


async def send_alone(world: World, tls: str, folder: Path) -> Attempt:
    """One mail, by a worker that does nothing else."""
    settings = load(configured(world, tls, folder))
    seams = outside.build(settings, Reading(Qualifier.stock()), yes, Random(1))
    try:
        return await send(seams)
    finally:
        await seams.relay.close()


def fetched(domain: str, now: float) -> Kept:
    """A policy that names another host than the domain's, as a worker keeps it that fetched it a moment ago."""
    return Kept(domain, "1", StsPolicy(Mode.ENFORCE, 86_400.0, ("elsewhere.example.net",)), now + 86_400.0)


async def test_a_worker_goes_by_the_policies_that_workers_before_it_have_kept(tmp_path: Path) -> None:
    store = SqlitePolicies(tmp_path / "store.db")
    await store.open()
    await store.keep(fetched(DOMAIN, time.time()))
    await store.close()
    async with world(Setting()) as here:  # there is no policy to be had any more
        settings = load(configured(here, "mta-sts", tmp_path))
        plant, stop = process.build(settings), asyncio.Event()
        with capture_logs() as told:
            working = asyncio.create_task(process.tend(plant, settings.worker, stop))
            while not any(each["event"] == "working" for each in told):
                await asyncio.sleep(0.01)
        assert plant.outside.policies is not None
        known = await plant.outside.policies.policy(DOMAIN)
        attempt = await send(plant.outside)
        stop.set()
        await working
        assert not here.sink.mails
    assert known == fetched(DOMAIN, 0.0).policy
    assert isinstance(attempt.ending, Broken)
    assert attempt.ending.trouble is Trouble.TLS_FAILED


async def test_a_rule_dane_is_kept_by_the_right_key(tmp_path: Path) -> None:
    async with world(Setting(tlsa=leaf("3 1 1"))) as here:
        attempt = await send_alone(here, "dane", tmp_path)
    assert isinstance(attempt.ending, Delivered)
    assert attempt.path.tls is not None
    assert attempt.path.tls.auth == "dane"


async def test_a_rule_dane_is_broken_by_another_key(tmp_path: Path) -> None:
    async with world(Setting(tlsa=leaf("3 1 1", "expired"))) as here:
        attempt = await send_alone(here, "dane", tmp_path)
        assert not here.sink.mails
    assert isinstance(attempt.ending, Broken)
    assert attempt.ending.trouble is Trouble.TLS_FAILED


@pytest.mark.parametrize("tls", ["dane", "mta-sts"])
async def test_a_policy_is_asked_for_where_the_rule_heeds_it(tls: str, tmp_path: Path) -> None:
    setting = Setting(file=ENFORCE)
    async with world(setting) as here:
        here.zone[f"mta-sts.{DOMAIN} A"] = ()  # it would be fetched from port 443
        await send_alone(here, "opportunistic", tmp_path)
        unasked = here.nameserver.asked[f"_mta-sts.{DOMAIN} TXT"]
        await send_alone(here, tls, tmp_path)
        asked = here.nameserver.asked[f"mta-sts.{DOMAIN} A"]
    assert unasked == 0
    assert asked > 0
