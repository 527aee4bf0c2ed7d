"""Finding the first rule that speaks for a reply, without asking them all.

Every phrase is filed under the words it cannot do without; rules without phrases under their enhanced code or basic code.
The words of a reply then name the few rules worth asking. All of this is kept in the bits of whole numbers, for which it
is one step to know what the words of a reply have in common with hundreds of phrases.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import translate
from functools import lru_cache, reduce
from operator import or_

from feedback.qualifier.pack import Pack
from feedback.qualifier.phrase import Phrase
from feedback.qualifier.rule import Question, Rule

_Shelf = defaultdict[str | int, int]


class _Bars:
    """The phrases of a rule's `unless`, filed under the words they cannot do without: most replies have none of these."""

    def __init__(self, phrases: tuple[Phrase, ...]) -> None:
        filed = defaultdict[str, list[Phrase]](list)
        for phrase in phrases:
            for anchor in phrase.anchors:
                filed[anchor].append(phrase)
        self._beginnings = {anchor[:-1]: filed.pop(anchor) for anchor in list(filed) if anchor.endswith("*")}
        self._filed = dict(filed)
        self._anchors = frozenset(filed)

    def found_in(self, words: str, spoken: frozenset[str]) -> bool:
        """Whether a text has one of them; `spoken` are its words."""
        asked = [phrase for word in self._anchors & spoken for phrase in self._filed[word]]
        for beginning, phrases in self._beginnings.items():
            if f" {beginning}" in words:
                asked += phrases
        return any(phrase.found_in(words, spoken) for phrase in asked)


class Matcher:
    """The rules of a pack, filed. An entry is one phrase of a rule, or a rule without phrases; the lowest bits stand for the
    entries, in the order in which they are asked, the bits above for what phrases need beside the words they are filed under.
    """

    def __init__(self, pack: Pack) -> None:
        entries = [(rule, phrase) for rule in pack.rules for phrase in rule.phrases or (None,)]
        self._words, self._beginnings, self._codes = _Shelf(int), _Shelf(int), _Shelf(int)
        self._always = 0
        self._every = (1 << len(entries)) - 1
        self._needs: dict[frozenset[str], int] = {}
        self._entries = [
            (rule, phrase, self._file(1 << place, rule, phrase)) for place, (rule, phrase) in enumerate(entries)
        ]
        self._bars = {rule.id: _Bars(rule.unless) for rule in pack.rules}
        self._shortest = min((len(str(beginning)) for beginning in self._beginnings), default=0)
        self._heads = _headed(self._beginnings, self._shortest)
        for word in self._words:
            self._words[word] |= self._begun(str(word))
        self._globs = [
            (glob, re.compile(translate(glob))) for glob in {glob for rule in pack.rules for glob in rule.receivers}
        ]
        self.receivers = lru_cache(maxsize=4096)(self._receivers)

    def first(self, question: Question, without: Rule | None = None) -> Rule | None:
        """The rule that decides, leaving `without` aside."""
        spoken = frozenset(question.words.split())
        given = self._given(question, spoken)
        passed, opened, place = without, None, -1
        worth_asking = f"{given & self._every:b}"[::-1]  # a text finds its next sign faster than a number its next bit
        while (place := worth_asking.find("1", place + 1)) >= 0:
            rule, phrase, needs = self._entries[place]
            if rule is passed or rule is without or needs & given != needs:
                continue
            if rule is not opened and not rule.open_to(question):
                passed = rule
                continue
            opened = rule
            if phrase is None or phrase.stands_in(question.words, spoken):
                if not self._bars[rule.id].found_in(question.words, spoken):
                    return rule
                passed = rule
        return None

    def _given(self, question: Question, spoken: frozenset[str]) -> int:
        """The entries worth asking, and the needs that are met."""
        given, words, heads, shortest = self._always, self._words, self._heads, self._shortest
        for word in spoken:
            if word in words:
                given |= words[word]
            elif word[:shortest] in heads:
                given |= self._begun(word)
        for code in _codes(question):
            given |= self._codes.get(code, 0)
        return given

    def _begun(self, word: str) -> int:
        """What is filed under beginnings of the word."""
        under = self._heads.get(word[: self._shortest], ())
        return reduce(or_, (filed for beginning, filed in under if word.startswith(beginning)), 0)

    def _file(self, entry: int, rule: Rule, phrase: Phrase | None) -> int:
        """Put an entry where it will be found; what its phrase needs besides."""
        if phrase:
            for anchor in phrase.anchors:
                if anchor.endswith("*"):
                    self._beginnings[anchor[:-1]] |= entry
                else:
                    self._words[anchor] |= entry
            return sum({self._need(words) for words in phrase.companions})
        for code in rule.statuses or rule.codes:
            self._codes[code] |= entry
        if not rule.statuses and not rule.codes:
            self._always |= entry
        return 0

    def _need(self, words: frozenset[str]) -> int:
        if words not in self._needs:
            self._needs[words] = need = (self._every + 1) << len(self._needs)
            for word in words:
                self._words[word] |= need
        return self._needs[words]

    def _receivers(self, mx_host: str | None, domain: str | None) -> frozenset[str]:
        """The globs of the pack that the host, or the recipient's domain, matches."""
        names = {False: (mx_host or "").lower().rstrip("."), True: f"@{(domain or '').lower()}"}
        return frozenset(glob for glob, pattern in self._globs if pattern.match(names[glob.startswith("@")]))


def _headed(beginnings: Mapping[str | int, int], length: int) -> dict[str, list[tuple[str, int]]]:
    """Beginnings by their first letters, as many as all of them have."""
    headed = defaultdict[str, list[tuple[str, int]]](list)
    for beginning, filed in beginnings.items():
        headed[str(beginning)[:length]].append((str(beginning), filed))
    return dict(headed)


def _codes(question: Question) -> Iterator[str | int]:
    """Under what a reply's numbers may be filed: `550`, `5yz`, `5.7.1`, `5.7`."""
    yield question.code
    yield f"{question.code // 100}yz"
    if question.enhanced:
        yield question.enhanced
        yield question.enhanced[: question.enhanced.rindex(".")]
