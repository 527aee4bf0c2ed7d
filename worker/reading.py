"""What attempts mean to this worker: the rules in force, the weather at each site, and the replies that nobody knows."""

from collections import OrderedDict

import structlog

from feedback.qualification import Verdict
from feedback.qualifier import Qualifier
from feedback.qualifier.storm import Breaker, Weather, observed, shares, softened
from feedback.qualifier.unknown import Ledger, counted, merged
from mta.attempt import Attempt, Delivered, Refused

_log = structlog.get_logger("worker.reading")

MAX_SITES = 10_000
"""Sites whose weather is remembered; the one not heard of for longest is forgotten first."""


class Reading:
    """Reads each attempt once. `qualifier` may be replaced at any time; what has been observed stays.

    The weather is this process's own: it begins anew at a start, and each of several workers finds a storm for itself.
    """

    def __init__(self, qualifier: Qualifier, breaker: Breaker | None = None, sites: int = MAX_SITES) -> None:
        self.qualifier = qualifier
        self._breaker = breaker or Breaker()
        self._sites = sites
        self._weathers: OrderedDict[str, Weather] = OrderedDict()
        self._unknown: Ledger = {}

    def verdict(self, attempt: Attempt, domain: str | None, now: float) -> Verdict | None:
        """What an attempt for a recipient in `domain` meant; None where the message was delivered.

        Delivered messages are read too: they are what a storm is measured by. What broke off says nothing about either.
        """
        site = attempt.path.site
        match attempt.ending:
            case Delivered():
                self._observe(site, None, now)
                return None
            case Refused(reply):
                verdict = self._qualify(attempt, domain)
                self._unknown = counted(self._unknown, reply, attempt.phase, verdict, site, now)
                return softened(verdict, self._observe(site, verdict, now))
            case _:
                return self._qualify(attempt, domain)

    def take_unknown(self) -> Ledger:
        """The unknown replies counted since the last time."""
        taken, self._unknown = self._unknown, {}
        return taken

    def put_back(self, unknown: Ledger) -> None:
        """Counts that could not be kept elsewhere."""
        self._unknown = merged([unknown, self._unknown])

    def _qualify(self, attempt: Attempt, domain: str | None) -> Verdict:
        return self.qualifier.qualify(attempt.phase, attempt.ending, attempt.path.mx_host, domain)

    def _observe(self, site: str, verdict: Verdict | None, now: float) -> Weather:
        before = self._weathers.pop(site, None) or Weather()
        after = observed(before, verdict, now, self._breaker)
        self._weathers[site] = after
        if len(self._weathers) > self._sites:
            self._weathers.popitem(last=False)
        self._report(site, before, after)
        return after

    def _report(self, site: str, before: Weather, after: Weather) -> None:
        if (before.stormy_since is None) == (after.stormy_since is None):
            return
        share, usual = (round(found, 3) for found in shares(after, self._breaker))
        if after.stormy_since is not None:
            _log.error("storm", site=site, hard_share=share, usual_share=usual)
        else:
            _log.warning("storm_over", site=site, hard_share=share, usual_share=usual)
