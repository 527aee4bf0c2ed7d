"""Prints the table of TLS policies: case, expected, got."""

import asyncio

from tests.integration.tls.cases import CASES, Case
from tests.integration.tls.world import world


async def got(case: Case) -> str:
    async with world(case.setting) as here:
        return await case.got(here)


def main() -> int:
    wrong = 0
    for case in CASES:
        found = asyncio.run(got(case))
        wrong += found != case.expected
        print(f"{case.tls:<13} {case.name:<46} {case.expected:<28} {'' if found == case.expected else 'GOT '}{found}")
    print(f"{len(CASES)} cases, {wrong} not as expected")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
