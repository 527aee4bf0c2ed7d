"""A job made ready to send, or found impossible: pool, message and keys; then signed. Waits for nobody outside."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from feedback.log import State
from feedback.qualifier.trouble import rejected
from feedback.writer import Failure
from mta.attempt import Broken
from mta.envelope import Envelope
from mta.lane import Source
from mta.message import Draft, draft
from mta.signing.key import Key
from mta.signing.keyring import NoKey
from mta.signing.signer import Signer
from worker.disposition import GiveUp
from worker.durations import Durations
from worker.job import SendJob

_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0)


class Prepared(Struct, frozen=True):
    """All that is needed to send, but for the way."""

    envelope: Envelope
    draft: Draft
    keys: Sequence[Key]
    sources: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What jobs are prepared with: the egress pools by name, and the signer. `signing`: how long signatures took."""

    pools: Mapping[str, Sequence[Source]]
    signer: Signer
    signing: Durations = field(default_factory=lambda: Durations(_BOUNDS))

    def prepare(self, job: SendJob, state: State, now: float) -> Prepared | GiveUp:
        """The job ready to send, or why it never can be."""
        if job.pool not in self.pools:
            return impossible(f"pool: there is no egress pool {job.pool!r}")
        message = draft(job.message, job_id=job.job_id, accepted_at=state.accepted_at)
        if isinstance(message, Broken):
            return impossible(f"message: {message.text}")
        keys = self.signer.choose(message.from_domain, job.dkim or (), now)
        if isinstance(keys, NoKey):
            return impossible(f"dkim: {keys.text}")
        envelope = replace(job.envelope, utf8_headers=message.utf8_headers)
        return Prepared(envelope, message, keys, self.pools[job.pool])

    async def sign(self, octets: bytes, keys: Sequence[Key], now: float) -> bytes:
        """See `Signer.sign`."""
        if not keys:
            return octets
        loop = asyncio.get_running_loop()
        began = loop.time()
        signed = await self.signer.sign(octets, keys, now)
        self.signing.note(loop.time() - began)
        return signed


def impossible(detail: str) -> GiveUp:
    """Refused by us: accepted, then failed with cause `rejected`, bounce code 25."""
    return GiveUp(Failure(cause="rejected", qualification=rejected(), detail=detail))
