"""Finding the first rule that speaks for a reply, without asking them all.

Every phrase is filed under the words it cannot do without; rules without phrases under their enhanced code or basic code.
The words of a reply then name the few rules worth asking.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import translate
from functools import lru_cache

from feedback.qualifier.pack import Pack
from feedback.qualifier.phrase import Phrase
from feedback.qualifier.rule import Question, Rule

Filed = tuple[int, Phrase]


class Matcher:
    """The rules of a pack, filed."""

    def __init__(self, pack: Pack) -> None:
        self._rules = pack.rules
        self._by_word: dict[str, list[Filed]] = defaultdict(list)
        self._by_beginning: dict[str, list[Filed]] = defaultdict(list)
        self._by_status: dict[str, list[int]] = defaultdict(list)
        self._by_code: dict[int | str, list[int]] = defaultdict(list)
        self._always: list[int] = []
        for place, rule in enumerate(pack.rules):
            self._file(place, rule)
        self._beginnings = tuple(self._by_beginning)
        self._globs = [
            (glob, re.compile(translate(glob))) for glob in {glob for rule in pack.rules for glob in rule.receivers}
        ]
        self._filed = lru_cache(maxsize=16384)(self._filed_under)
        self.receivers = lru_cache(maxsize=4096)(self._receivers)

    def first(self, question: Question, without: Rule | None = None) -> Rule | None:
        """The rule that decides, leaving `without` aside."""
        for place, phrases in self._candidates(question):
            rule = self._rules[place]
            if rule is without or not rule.open_to(question):
                continue
            if phrases and not any(phrase.found_in(question.words) for phrase in phrases):
                continue
            if not rule.forbidden_by(question.words):
                return rule
        return None

    def _candidates(self, question: Question) -> Iterator[tuple[int, list[Phrase]]]:
        found: dict[int, list[Phrase]] = {}
        for word in set(question.words.split()):
            for place, phrase in self._filed(word):
                found.setdefault(place, []).append(phrase)
        for place in self._numbered(question):
            found[place] = []
        return iter(sorted(found.items(), key=lambda item: item[0]))

    def _numbered(self, question: Question) -> Iterator[int]:
        yield from self._always
        yield from self._by_code.get(question.code, ())
        yield from self._by_code.get(f"{question.code // 100}yz", ())
        if question.enhanced:
            yield from self._by_status.get(question.enhanced, ())
            yield from self._by_status.get(question.enhanced[: question.enhanced.rindex(".")], ())

    def _file(self, place: int, rule: Rule) -> None:
        for phrase in rule.phrases:
            for anchor in phrase.anchors:
                if anchor.endswith("*"):
                    self._by_beginning[anchor[:-1]].append((place, phrase))
                else:
                    self._by_word[anchor].append((place, phrase))
        if rule.phrases:
            return
        for status in rule.statuses:
            self._by_status[status].append(place)
        for code in () if rule.statuses else rule.codes:
            self._by_code[code].append(place)
        if not rule.statuses and not rule.codes:
            self._always.append(place)

    def _filed_under(self, word: str) -> tuple[Filed, ...]:
        filed = list(self._by_word.get(word, ()))
        if word.startswith(self._beginnings):
            for beginning in self._beginnings:
                if word.startswith(beginning):
                    filed += self._by_beginning[beginning]
        return tuple(filed)

    def _receivers(self, mx_host: str | None, domain: str | None) -> frozenset[str]:
        """The globs of the pack that the host, or the recipient's domain, matches."""
        names = {False: (mx_host or "").lower().rstrip("."), True: f"@{(domain or '').lower()}"}
        return frozenset(glob for glob, pattern in self._globs if pattern.match(names[glob.startswith("@")]))
