"""TLS policies from what is published to what becomes of the mail; the table is in `cases`."""

import pytest

from tests.integration.tls.cases import CASES, Case
from tests.integration.tls.world import world


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tls}: {case.name}")
async def test_mail_goes_as_its_policy_asks(case: Case) -> None:
    async with world(case.setting) as here:
        assert await case.got(here) == case.expected
