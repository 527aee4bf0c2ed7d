"""What attempts mean to this worker: the rules in force, the weather at each site, and the replies that nobody knows."""

from collections.abc import Mapping

from msgspec.structs import replace

from feedback.qualification import Verdict
from feedback.qualifier import Qualifier
from feedback.qualifier.storm import softened
from feedback.qualifier.unknown import Decision, Key, Ledger, counted, key_of, merged
from mta.attempt import Attempt, Delivered, Phase, Refused
from mta.reply import Reply
from worker.weather import Weathers


class Reading:
    """Reads each attempt once. `qualifier` and `decisions` (what operators have said of unknown replies) may be replaced at
    any time; what has been observed stays. `unknown_seen` counts the replies that nobody knows."""

    def __init__(self, qualifier: Qualifier, weathers: Weathers | None = None) -> None:
        self.qualifier = qualifier
        self.weathers = weathers or Weathers()
        self.decisions: Mapping[Key, Decision] = {}
        self._unknown: Ledger = {}
        self.unknown_seen = 0

    def verdict(self, attempt: Attempt, domain: str | None, now: float) -> Verdict | None:
        """What an attempt for a recipient in `domain` meant; None where the message was delivered.

        Delivered messages are read too: they are what a storm is measured by. What broke off says nothing about either.
        """
        site = attempt.path.site
        match attempt.ending:
            case Delivered():
                self.weathers.delivered(site, now)
                return None
            case Refused(reply):
                verdict = self._settled(self._qualify(attempt, domain), reply, attempt.phase, (site, now))
                return softened(verdict, self.weathers.observe(site, verdict, now))
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

    def _settled(self, verdict: Verdict, reply: Reply, phase: Phase, where: tuple[str, float]) -> Verdict:
        """Counts what nobody knows; what an operator has decided about is no longer to be qualified."""
        if not verdict.qualification.to_qualify:
            return verdict
        decision = self.decisions.get(key_of(reply, phase), Decision.TO_QUALIFY)
        if decision is not Decision.IGNORE:
            self.unknown_seen += 1
            self._unknown = counted(self._unknown, reply, phase, verdict, *where)
        if decision is Decision.TO_QUALIFY:
            return verdict
        return replace(verdict, qualification=replace(verdict.qualification, to_qualify=False))
