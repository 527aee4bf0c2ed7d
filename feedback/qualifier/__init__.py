"""What a refusal says about the recipient, and whether the message is worth another try.

A reply is blanked (`feedback.wording`), the first rule of the pack that speaks for it names a meaning, and the meaning is
kept within the bounds no rule may overstep. What it says about the site's traffic is read elsewhere, from the same attempt.
"""

import re
from functools import lru_cache
from typing import Self

from feedback.qualification import Qualification, Verdict
from feedback.qualifier.matcher import Matcher
from feedback.qualifier.meaning import MEANINGS, Retry, softened
from feedback.qualifier.pack import BadPack, Pack, parse
from feedback.qualifier.rule import Question, Rule
from feedback.qualifier.trouble import DOUBTFUL, VERDICTS, expired, in_doubt, rejected
from feedback.rules import built_in
from feedback.wording import canonical, words
from mta.attempt import Broken, Delivered, Doubtful, Ending, Phase, Refused

__all__ = ["BadPack", "Pack", "Qualifier", "expired", "in_doubt", "parse", "rejected"]

_BEFORE_RECIPIENT = frozenset(
    {Phase.DNS, Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL, Phase.RSET}
)
_STATUS = re.compile(r" [245](\.\d{1,3}\.\d{1,3}) ")


class Qualifier:
    """A pack of rules at work. Immutable but for its caches: reloading rules means making another one."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._matcher = Matcher(pack)
        self._decided = lru_cache(maxsize=16384)(self._decide)

    @classmethod
    def stock(cls) -> Self:
        """With the built-in rules alone."""
        return cls(parse(built_in()))

    def qualify(self, phase: Phase, ending: Ending, mx_host: str | None, domain: str | None) -> Verdict:
        """What an attempt's ending means. `mx_host` is the host that answered, `domain` the recipient's.

        Raises:
            ValueError: `ending` is `Delivered`, which means what it says.
        """
        match ending:
            case Refused(reply):
                receivers = self._matcher.receivers(mx_host, domain)
                return self._decided(reply.code, canonical(reply.text), phase, receivers)
            case Broken(trouble):
                return VERDICTS[trouble]
            case Doubtful():
                return DOUBTFUL
            case Delivered():
                raise ValueError("a delivered message needs no qualification")

    def first(self, asked: Question, without: Rule | None = None) -> Rule | None:
        """The rule that decides a question, leaving `without` aside."""
        return self._matcher.first(asked, without)

    def receivers(self, mx_host: str | None, domain: str | None) -> frozenset[str]:
        """The globs of the pack that fit the receiver."""
        return self._matcher.receivers(mx_host, domain)

    def _decide(self, code: int, text: str, phase: Phase, receivers: frozenset[str]) -> Verdict:
        return self.verdict(self.first(question(code, text, phase, receivers)), code, phase)

    def verdict(self, rule: Rule | None, code: int, phase: Phase) -> Verdict:
        """What `rule` says of such a reply; without a rule, that nobody knows."""
        permanent = not 400 <= code < 500
        found = softened(
            rule.meaning(permanent) if rule else MEANINGS["undetermined"],
            transient=not permanent,
            before_recipient=phase in _BEFORE_RECIPIENT,
        )
        qualification = Qualification(
            code=found.code,
            type=found.type,
            reason=found.reason,
            rule=f"{rule.id if rule else 'none'}@{self.pack.version}",
            to_qualify=rule is None or rule.to_qualify or rule.means == "undetermined",
        )
        return Verdict(qualification, retry=not permanent or found.retry is Retry.AGAIN)


def question(code: int, text: str, phase: Phase, receivers: frozenset[str]) -> Question:
    """A canonical text as rules are asked about it. An enhanced code counts wherever it stands, and where its class
    contradicts the basic code, the basic code holds (RFC 3463 section 2 leaves no room for that; servers take it)."""
    spoken = words(text)
    status = _STATUS.search(spoken)
    first = 4 if 400 <= code < 500 else 5
    return Question(code, f"{first}{status[1]}" if status else None, spoken, phase, receivers)
