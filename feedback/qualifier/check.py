"""Whether a pack does what its rules say: their samples run; rules that nobody needs, or that contradict each other, found."""

from collections.abc import Iterable, Mapping

from feedback.qualification import Verdict
from feedback.qualifier import BadPack, Qualifier, parse, question
from feedback.qualifier.line import hear
from feedback.qualifier.rule import Question, Rule, Sample
from feedback.wording import canonical


def check(qualifier: Qualifier) -> list[str]:
    """Every fault, in words that begin with the rule's id; empty for a pack that is in order."""
    return [fault for rule in qualifier.pack.rules for fault in _Checked(qualifier, rule).faults()]


def checked(files: Mapping[str, str]) -> Qualifier:
    """A qualifier of these rule files (name to text), made only if they are in order: for a reload that must not make
    things worse.

    Raises:
        BadPack: with every fault, those of reading or else those of the check.
    """
    qualifier = Qualifier(parse(files))
    if faults := check(qualifier):
        raise BadPack(faults)
    return qualifier


class _Checked:
    """One rule under examination."""

    def __init__(self, qualifier: Qualifier, rule: Rule) -> None:
        self._qualifier = qualifier
        self._rule = rule
        self._questions = [(sample, self._question(sample)) for sample in rule.samples]

    def faults(self) -> Iterable[str]:
        for sample, asked in self._questions:
            yield from self._claimed(sample, asked)
        for sample in self._rule.not_samples:
            if self._decider(self._question(sample)) is self._rule:
                yield f"{self._rule.id}: not_samples: {sample.reply!r} is matched"
        yield from self._idle_phrases()
        if self._questions and not any(self._needed(asked) for _, asked in self._questions):
            yield f"{self._rule.id}: no sample needs this rule: without it they mean the same"

    def _claimed(self, sample: Sample, asked: Question) -> Iterable[str]:
        decider = self._decider(asked)
        if decider is self._rule:
            return
        if decider is None:
            yield f"{self._rule.id}: samples: {sample.reply!r} is not matched"
        elif decider.layer == "operator" and self._rule.layer != "operator":
            return  # an operator's rule may well say something else than the built-in ones: that is what it is for
        elif self._answer(decider, asked) != self._answer(self._rule, asked):
            yield f"{self._rule.id}: samples: {sample.reply!r} is claimed by {decider.id}, which says something else"
        else:
            yield f"{self._rule.id}: samples: {sample.reply!r} is decided by {decider.id} before it comes to this rule"

    def _idle_phrases(self) -> Iterable[str]:
        for phrase in self._rule.phrases:
            if not any(phrase.found_in(asked.words, frozenset(asked.words.split())) for _, asked in self._questions):
                yield f"{self._rule.id}: words: no sample has {phrase.source!r}"

    def _needed(self, asked: Question) -> bool:
        without = self._qualifier.first(asked, without=self._rule)
        return self._answer(without, asked) != self._answer(self._rule, asked)

    def _decider(self, asked: Question) -> Rule | None:
        return self._qualifier.first(asked)

    def _answer(self, rule: Rule | None, asked: Question) -> tuple[object, ...]:
        return _said(self._qualifier.verdict(rule, asked.code, asked.phase))

    def _question(self, sample: Sample) -> Question:
        reply = hear(sample.reply, sample.phase).reply
        receivers = self._qualifier.receivers(sample.mx, sample.domain)
        return question(reply.code, canonical(reply.text), sample.phase, receivers)


def _said(verdict: Verdict) -> tuple[object, ...]:
    found = verdict.qualification
    return found.code, found.type, found.reason, found.to_qualify, verdict.retry
