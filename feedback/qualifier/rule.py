"""A rule: which replies it speaks for, and what it says they mean."""

import re
from dataclasses import dataclass, field

from feedback.qualifier.meaning import Meaning, meaning
from feedback.qualifier.phrase import Phrase
from mta.attempt import Phase

LAYERS = ("operator", "receiver", "phase", "text", "enhanced", "vague", "basic")
"""In the order in which they are asked. Words that name their subject go before numbers, because servers that say "user
unknown" mean it whatever number they send along; words that do not ("access denied") go after them."""


@dataclass(frozen=True, slots=True)
class Question:
    """A reply with its circumstances. `words` is `feedback.wording.words` of its canonical text; `receivers` are the globs
    of the pack that its MX host and domain match."""

    code: int
    enhanced: str | None
    words: str
    phase: Phase
    receivers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sample:
    """A reply line with its circumstances, as rule files give them."""

    reply: str
    phase: Phase
    mx: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`codes` holds basic codes and classes (`4yz`); `statuses` enhanced codes and subjects (`5.7`); empty means any.
    Of `phrases` one must be found, of `unless` none."""

    id: str
    layer: str
    means: str
    evidence: str
    phases: frozenset[Phase] = frozenset()
    codes: frozenset[int | str] = frozenset()
    statuses: frozenset[str] = frozenset()
    receivers: frozenset[str] = frozenset()
    phrases: tuple[Phrase, ...] = ()
    unless: tuple[Phrase, ...] = ()
    to_qualify: bool = False
    samples: tuple[Sample, ...] = field(default=(), repr=False)
    not_samples: tuple[Sample, ...] = field(default=(), repr=False)

    def open_to(self, question: Question) -> bool:
        """Whether the circumstances are the rule's, the words aside."""
        return (
            (not self.phases or question.phase in self.phases)
            and (not self.codes or question.code in self.codes or f"{question.code // 100}yz" in self.codes)
            and (not self.statuses or _among(question.enhanced, self.statuses))
            and (not self.receivers or not self.receivers.isdisjoint(question.receivers))
        )

    def meaning(self, permanent: bool) -> Meaning:
        return meaning(self.means, permanent)


def _among(status: str | None, statuses: frozenset[str]) -> bool:
    return status is not None and (status in statuses or status[: status.rindex(".")] in statuses)


_STATUS = re.compile(r"([45x])\.(\d{1,3})\.(\*|(\d{1,3})(?:-(\d{1,3}))?)")


def statuses_of(pattern: str) -> frozenset[str] | None:
    """What `5.1.1`, `x.1.1` (4 and 5), `5.7.606-649` or `x.7.*` stands for; None if it is none of these."""
    found = _STATUS.fullmatch(pattern)
    if found is None:
        return None
    classes = "45" if found[1] == "x" else found[1]
    if found[3] == "*":
        return frozenset(f"{first}.{found[2]}" for first in classes)
    details = range(int(found[4]), int(found[5] or found[4]) + 1)
    return frozenset(f"{first}.{found[2]}.{detail}" for first in classes for detail in details)
