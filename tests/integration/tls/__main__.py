"""Prints the table of TLS policies: case, expected, got by a scripted nameserver and by a resolver that validates."""

import asyncio

from tests.integration.tls.cases import CASES, Case, servable
from tests.integration.tls.world import world


async def got(case: Case, *, validating: bool) -> str:
    async with world(case.setting, validating=validating) as here:
        return await case.got(here)


def main() -> int:
    wrong = 0
    for case in CASES:
        ways = [False, True] if servable(case) else [False]
        found = [asyncio.run(got(case, validating=validating)) for validating in ways]
        faults = sum(each != case.expected for each in found)
        wrong += faults
        told = " | ".join(dict.fromkeys(found))
        print(f"{case.tls:<13} {case.name:<46} {case.expected:<28} {'WRONG: ' if faults else ''}{told} ({len(found)}x)")
    print(f"{len(CASES)} cases, {wrong} not as expected")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
