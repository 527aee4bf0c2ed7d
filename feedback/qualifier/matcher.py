"""Finding the first rule that speaks for a reply, without asking them all.

Every phrase is filed under the words it cannot do without; rules without phrases under their enhanced code or basic code.
The words of a reply then name the few rules worth asking.
"""

import re
from collections import defaultdict
from fnmatch import translate
from functools import lru_cache

from feedback.qualifier.pack import Pack
from feedback.qualifier.phrase import Phrase
from feedback.qualifier.rule import Question, Rule


class Matcher:
    """The rules of a pack, filed. An entry is one phrase of a rule, or a rule without phrases; entries are numbered in the
    order in which they are asked."""

    def __init__(self, pack: Pack) -> None:
        self._entries: list[tuple[Rule, Phrase | None]] = []
        self._by_word: dict[str, set[int]] = defaultdict(set)
        self._by_beginning: dict[str, set[int]] = defaultdict(set)
        self._by_status: dict[str, set[int]] = defaultdict(set)
        self._by_code: dict[int | str, set[int]] = defaultdict(set)
        self._always: set[int] = set()
        for rule in pack.rules:
            self._file(rule)
        self._shortest = min(map(len, self._by_beginning), default=0)
        self._heads: dict[str, list[str]] = defaultdict(list)
        for beginning in self._by_beginning:
            self._heads[beginning[: self._shortest]].append(beginning)
        self._globs = [
            (glob, re.compile(translate(glob))) for glob in {glob for rule in pack.rules for glob in rule.receivers}
        ]
        self._filed = lru_cache(maxsize=16384)(self._filed_under)
        self.receivers = lru_cache(maxsize=4096)(self._receivers)

    def first(self, question: Question, without: Rule | None = None) -> Rule | None:
        """The rule that decides, leaving `without` aside."""
        passed, spoken = without, frozenset(question.words.split())
        for number in sorted(self._worth_asking(question, spoken)):
            rule, phrase = self._entries[number]
            if rule is passed or rule is without:
                continue
            if not rule.open_to(question):
                passed = rule
            elif phrase is None or (phrase.possible_among(spoken) and phrase.found_in(question.words)):
                if not rule.forbidden_by(question.words, spoken):
                    return rule
                passed = rule
        return None

    def _worth_asking(self, question: Question, spoken: frozenset[str]) -> set[int]:
        found = set(self._always)
        for word in spoken:
            found.update(self._filed(word))
        found.update(self._by_code.get(question.code, ()))
        found.update(self._by_code.get(f"{question.code // 100}yz", ()))
        if question.enhanced:
            found.update(self._by_status.get(question.enhanced, ()))
            found.update(self._by_status.get(question.enhanced[: question.enhanced.rindex(".")], ()))
        return found

    def _file(self, rule: Rule) -> None:
        for phrase in rule.phrases:
            for anchor in phrase.anchors:
                shelf, key = (self._by_beginning, anchor[:-1]) if anchor.endswith("*") else (self._by_word, anchor)
                shelf[key].add(len(self._entries))
            self._entries.append((rule, phrase))
        if rule.phrases:
            return
        for status in rule.statuses:
            self._by_status[status].add(len(self._entries))
        for code in () if rule.statuses else rule.codes:
            self._by_code[code].add(len(self._entries))
        if not rule.statuses and not rule.codes:
            self._always.add(len(self._entries))
        self._entries.append((rule, None))

    def _filed_under(self, word: str) -> frozenset[int]:
        found = self._by_word.get(word, set())
        for beginning in self._heads.get(word[: self._shortest], ()):
            if word.startswith(beginning):
                found = found | self._by_beginning[beginning]
        return frozenset(found)

    def _receivers(self, mx_host: str | None, domain: str | None) -> frozenset[str]:
        """The globs of the pack that the host, or the recipient's domain, matches."""
        names = {False: (mx_host or "").lower().rstrip("."), True: f"@{(domain or '').lower()}"}
        return frozenset(glob for glob, pattern in self._globs if pattern.match(names[glob.startswith("@")]))
