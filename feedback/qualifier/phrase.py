"""The language in which rules say what a reply must say: words and their order, and no more.

    user unknown              these words, next to each other
    (user|mailbox) unknown    one of these
    mailbox [is] full         with or without
    mailbox .. full           up to six words between
    bloqu*                    a word that begins so
    ^ugly.. or ..$            not part of it; `^` and `$` as words of their own are the reply's beginning and end
    <mailbox> unknown         a list of words by its name

A phrase is matched against `feedback.wording.words`. It is a strict subset of regular expressions: no repetition but the
bounded gap, nothing nested, and not too many ways in which it may be tried, so that no phrase and no reply together can
take long.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache

from feedback.wording import folded

GAP = 6
MAX_GAPS = 2
MAX_WAYS = 200
"""Ways in which a phrase may be tried at one place of a text."""


class BadPhrase(ValueError):
    """A phrase that is not one; the message says why."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A compiled phrase. Every text it matches contains one of `anchors`, which are words or, ending in `*`, beginnings, and
    one word of each of `needs`: to look for them first is cheaper than to look for the phrase. Where it matches, one of
    `heads` stands first; None where that cannot be said."""

    source: str
    pattern: re.Pattern[str]
    anchors: frozenset[str]
    needs: tuple[frozenset[str], ...]
    heads: frozenset[str] | None

    @property
    def companions(self) -> tuple[frozenset[str], ...]:
        """What it needs beside one of its anchors."""
        return tuple(need for need in self.needs if need != self.anchors)

    def found_in(self, words: str, spoken: frozenset[str]) -> bool:
        """Whether a text has it; `spoken` are the text's words."""
        return not any(map(spoken.isdisjoint, self.needs)) and self.stands_in(words, spoken)

    def stands_in(self, words: str, spoken: frozenset[str]) -> bool:
        """Whether a text that has what it needs has it."""
        if self.heads is None:
            return self.pattern.search(words) is not None
        for head in self.heads & spoken:
            sought = f" {head} "
            at = words.find(sought)
            while at >= 0:
                if self.pattern.match(words, at):
                    return True
                at = words.find(sought, at + 1)
        return False


_ELEMENT = re.compile(r"\(([^()\[\]]+)\)|\[([^()\[\]]+)\]|(\.\.)|(\^|\$)|(\{[a-z]+\}|[^\s()\[\]|<>^$]+)")
_NAME = re.compile(r"<([a-z_]+)>")
_SIMPLE_WORD = re.compile(r"\{[a-z]+\}|[245]\.\d{1,3}\.\d{1,3}|[^\W_][\w]*\*?|_\w+|#")
_COMMON = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "de", "der", "die", "for", "from", "has", "have", "in", "is", "it",
     "la", "le", "not", "of", "on", "or", "the", "this", "to", "was", "we", "with", "you", "your", "account", "address",
     "client", "connection", "domain", "email", "host", "ip", "mail", "mailbox", "message", "messages", "recipient",
     "sender", "server", "user", "{address}", "{host}", "{id}", "{ip}", "{number}"}
)  # fmt: skip
"""Words of every other reply, by which a phrase is better not found."""

_IDEOGRAPHS = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])")


def compiled(source: str, lists: Mapping[str, str]) -> Phrase:
    """Compile a phrase; `lists` are the named lists of words, each written as it would stand between brackets.

    Raises:
        BadPhrase: with the fault in words.
    """
    text = _IDEOGRAPHS.sub(r" \1 ", folded(_with_lists(source, lists))).strip()
    expression, anchors, gaps, place = " ", list[frozenset[str]](), 0, 0
    heads, begun, ways = set[str](), False, 1
    while place < len(text):
        if text[place] == " ":
            place += 1
            continue
        found = _ELEMENT.match(text, place)
        if found is None:
            raise BadPhrase(f"cannot read {text[place:]!r}")
        place = found.end()
        either, perhaps, gap, edge, word = found.groups()
        if not begun:
            heads |= _heads(either or perhaps or word or "*")
            begun = not perhaps
        ways *= GAP + 1 if gap else _ways(either or perhaps or "") + bool(perhaps)
        if gap:
            gaps += 1
            expression += rf"(?:\S+ ){{0,{GAP}}}"
        elif edge:
            expression = _with_edge(expression, edge)
        elif perhaps:
            expression += f"(?:{_alternatives(perhaps)[0]})?"
        else:
            piece, held = _alternatives(either or word)
            expression += f"(?:{piece})" if either else piece
            anchors.append(held)
    if gaps > MAX_GAPS:
        raise BadPhrase(f"{gaps} gaps; at most {MAX_GAPS}")
    if ways > MAX_WAYS:
        raise BadPhrase(f"{ways} ways to match it at one place; at most {MAX_WAYS}: leave out gaps or options")
    if not anchors:
        raise BadPhrase("no word in it that must be there")
    return Phrase(
        source,
        re.compile(expression),
        anchors=max(anchors, key=_telling),
        needs=tuple(sorted((held for held in anchors if _whole(held)), key=_telling, reverse=True)),
        heads=frozenset(heads) if _whole(heads) else None,
    )


@lru_cache(maxsize=256)
def _ways(text: str) -> int:
    """How many alternatives may match at one place, because they begin alike."""
    written = [[word.rstrip("*") for word in alternative.split()] for alternative in text.split("|")]
    return max(sum(_begins(one, other) for other in written) for one in written)


def _begins(longer: list[str], shorter: list[str]) -> bool:
    return len(shorter) <= len(longer) and all(map(str.startswith, longer, shorter))


def _heads(text: str) -> set[str]:
    """The first word of each alternative."""
    return {words[0] for alternative in text.split("|") if (words := alternative.split())}


def _whole(words: Set[str]) -> bool:
    """Whether all of them are words, none only a beginning."""
    return not any(word.endswith("*") for word in words)


def _with_lists(source: str, lists: Mapping[str, str]) -> str:
    def named(found: re.Match[str]) -> str:
        if found[1] not in lists:
            raise BadPhrase(f"no list of words called {found[1]!r}")
        return f"({lists[found[1]]})"

    text = _NAME.sub(named, source)
    return re.sub(r"\[\(([^()]*)\)\]", r"[\1]", text)  # [<list>]


def _with_edge(expression: str, edge: str) -> str:
    if edge == "$":
        return expression + r"\Z"
    if expression != " ":
        raise BadPhrase("'^' stands at the beginning or nowhere")
    return r"\A "


def _alternatives(text: str) -> tuple[str, frozenset[str]]:
    """The expression for alternatives, and for each of them the word that tells most."""
    pieces, anchors = [], set()
    for alternative in text.split("|"):
        words = alternative.split()
        if not words:
            raise BadPhrase("an alternative without words")
        pieces.append("".join(map(_word, words)))
        anchors.add(max(words, key=lambda word: _telling(frozenset([word]))))
    return "|".join(pieces), frozenset(anchors)


def _word(word: str) -> str:
    if not _SIMPLE_WORD.fullmatch(word):
        raise BadPhrase(f"{word!r} is not a word (lower-case letters and digits, perhaps with a '*' at its end)")
    return re.escape(word[:-1]) + r"\S* " if word.endswith("*") else re.escape(word) + " "


def _telling(anchors: frozenset[str]) -> tuple[bool, int, int]:
    """How seldom such words are met: long ones, few of them, and none that every sentence has."""
    return not anchors & _COMMON, min(map(len, anchors)), -len(anchors)
