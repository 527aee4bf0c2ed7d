"""The wording of a reply with its variable parts blanked, so that one kind of reply is one text.

`canonical` is made to be read and counted by; `words` is made to be matched: lower case, without accents or punctuation,
one blank between words. Both work word by word and remember the words they have seen, which is what makes them fast:
most words of a reply have been in a reply before.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from feedback.encoding import mended

_LISTS = (
    "abuseat", "abusix", "backscatterer", "barracudacentral", "dnswl", "lashback", "mailspike", "manitu", "mcafee",
    "messagelabs", "nixspam", "proofpoint", "psbl", "senderbase", "senderscore", "sorbs", "spamcop", "spamhaus",
    "spamrats", "spamrl", "surbl", "symanteccloud", "trendmicro", "truncate", "uceprotect", "uribl", "weighted",
)  # fmt: skip
"""Names of public block lists and filters: a host named after one is not blanked, for the name is the message."""

_LONGEST = 200
"""Characters of a word worth looking into; a mail address has at most 254, and nobody reads a longer one either."""

MAX_WORDS = 54
"""Words of a reply that are matched: servers say what is wrong before they say where to read about it, and a bound on them
bounds the time that any reply can take."""

_MAX_PARTS = 62
"""Parts between blanks that a text is read for: more than words, for a dash or a star that stands alone is none."""

_EFFORT = 240
"""Characters of parts that are looked into for what varies, each part counted as `_EACH` more than it has; what comes
later is taken for an id unseen. Two replies in a hundred have more."""

_EACH = 8

_VARIES = re.compile(r"[0-9@.:A-Z](?:(?<=[0-9@])|(?<=[.:])(?=[\w/{-])|(?<=[a-z][A-Z]))")
"""By which a part may vary: a digit, an at-sign, a dot or colon inside, or a capital after a small letter."""

_SCHEME = re.compile(r"https?:/?/?", re.IGNORECASE)
_BLANKS = tuple(
    (sign, times, re.compile(pattern), blank)
    for sign, times, pattern, blank in (
        ("@", 1, r"(?<![^\s<>()\[\]\"',;:])[^\s<>()\[\]\"',;:]*@(?:\[[\d.]+\]|[^\s<>()\[\]\"',;:]+)", "{address}"),
        (".", 3, r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-])(?:/\d+)?", "{ip}"),
        (":", 2, r"(?i)(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])(?=.*)", "{ip}"),
        ("-", 2, r"\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?", "{time}"),
        ("/", 2, r"\b\d{1,2}/\d{1,2}/\d{2,4}\b", "{time}"),
        (":", 1, r"\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b", "{time}"),
        (".", 1, r"(?<![\w.-])(?:[a-z0-9_][a-z0-9_-]*\.){1,8}(?:[a-z]{2,12}|xn--[a-z0-9-]+)(?![\w-])(?!\.\w)", "{host}"),
        (".", 1, r"(?<![\w.-])(?:[A-Z0-9_][A-Z0-9_-]*\.){1,8}(?:[A-Z]{2,12}|XN--[A-Z0-9-]+)(?![\w-])(?!\.\w)", "{host}"),
    )
)  # fmt: skip
"""What is blanked wherever it stands in a word; each with a sign, and how often a word must have it to be worth searching."""

_RUN = re.compile(r"[\w=+~-]+(?:\.[\w=+~-]+)*")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}|\d\.\d{1,3}\.\d{3}-\d{3}")
_STATUS = re.compile(r"[245]\d\d")
_NAMED = re.compile(
    r"[A-Za-z]{1,5}[-_]?\d{2,4}|[A-Z]{2}\d{6}|[A-Z]{2,7}\d*_\d{3,4}|[A-Z]{3}_[A-Z]{2}_\d{3}|[A-Za-z]+[_-][A-Za-z]+\d?"
)
"""The short labels that receivers give to their refusals: TSS04, S3150, RL000010, OFR_506, SFR_IN_104."""
_AMOUNT = re.compile(r"\d+(?:\.\d+)?[A-Za-z]{1,7}")
_LINK_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_LINK_ADDRESS = re.compile(r"[^/?&=#\s{}]*@[^/?&=#\s{}]*")
_LINK_VALUE = re.compile(r"(?<=[?&=/])[^/?&=#\s{}]*\d[^/?&=#\s{}]*")
_MARK = re.compile(r"(\{(?:address|ip|time|host|id|number)\})")
_DIGIT = re.compile(r"\d")

_LINK = re.compile(r"https?:/+\S*")
_EVERY_LINK = frozenset({"http", "https", "www", "com", "net", "org"})
_WORD = re.compile(
    r"\{(?:address|ip|time|host|id|number)\}|[245]\.\d{1,3}\.\d{1,3}(?:-\d{3})?|[a-z0-9_]+"
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)  # the scripts that are written without blanks are read letter by letter


def canonical(text: str) -> str:
    """`text` with ids, times, addresses, IP addresses, hosts and counts replaced by `{id}`, `{time}`, `{address}` and so on.

    Status codes, the labels of receivers and the names of block lists stay. The same text gives the same canonical
    text, and a canonical text is its own. Of a long text it is the beginning, as far as anything is matched in it.
    """
    whole = " ".join(text.split(None, _MAX_PARTS)[:_MAX_PARTS])
    pieces, done, effort = [], 0, 0
    while effort < _EFFORT and (found := _VARIES.search(whole, done)):
        begin = whole.rfind(" ", done, found.start()) + 1
        pieces.append(whole[done:begin])
        done = whole.find(" ", found.end()) % (len(whole) + 1)  # -1, not found, is the end
        pieces.append(_blanked(whole[begin:done]))
        effort += done - begin + _EACH
    pieces.append(whole[done:] if effort < _EFFORT else _unseen(whole[done:]))
    return "".join(pieces)


def _unseen(text: str) -> str:
    """What is left of a text that has already taken enough time."""
    return " ".join(["{id}" if _VARIES.search(part) else part for part in text.split(" ")])


@lru_cache(maxsize=16384)
def words(text: str) -> str:
    """A canonical text as it is matched: ` recipient address rejected user unknown `, with a blank at either end."""
    low = mended(text) if not text.isascii() or "\\x" in text else text
    low = folded(low)
    low = low.replace("n't", "nt").replace("'s ", " ").replace("e-mail", "email").replace("e- mail", "email")
    low = _LINK.sub(_link_words, low)
    spoken = _WORD.findall(low)[:MAX_WORDS]
    if "_" in low:
        spoken = [part for word in spoken for part in (_apart(word) if "_" in word else (word,))][:MAX_WORDS]
    return f" {' '.join(spoken)} "


def forget() -> None:
    """Forget the words and texts that have been seen, so that the next is as dear as the first: for measuring."""
    words.cache_clear()
    _blanked.cache_clear()


def _apart(word: str) -> list[str]:
    """The words of `550_no_such_user`, as some servers write whole sentences; a label with more digits in it stays one."""
    if word.lstrip("0123456789_").replace("_", "").isalpha():
        return [part for part in word.split("_") if part]
    return [word]


def _link_words(found: re.Match[str]) -> str:
    """Of a link, what may name a list or a kind of refusal; its short words say nothing."""
    return " ".join(word for word in _WORD.findall(found[0]) if len(word) > 2 and word not in _EVERY_LINK)


def folded(text: str) -> str:
    """`text` in lower case and without accents."""
    low = text.lower()
    return low if low.isascii() else _without_accents(low)


@lru_cache(maxsize=32768)
def _blanked(word: str) -> str:
    if len(word) > _LONGEST:
        return "{id}" if word.isascii() else word
    if word.isalnum() and word.isascii():
        return _label(word)
    if ":" in word and (found := _SCHEME.search(word)):
        return word[: found.end()] + _blanked_link(word[found.end() :])
    for sign, times, pattern, blank in _BLANKS:
        if word.count(sign) >= times:
            word = pattern.sub(_unless_a_list if blank == "{host}" else blank, word)
    return _by_parts(word)


def _unless_a_list(found: re.Match[str]) -> str:
    for label in reversed(found[0].lower().split(".")):
        if label in _LISTS:
            return label
    return "{host}"


def _by_parts(word: str) -> str:
    """Blank the ids and counts of a word around the blanks that it already has."""
    if "{" not in word:
        return _RUN.sub(_run, word)
    return "".join(part if place % 2 else _RUN.sub(_run, part) for place, part in enumerate(_MARK.split(word)))


def _run(found: re.Match[str]) -> str:
    run = found[0]
    if "." not in run:
        return _label(run)
    if _ENHANCED.fullmatch(run):
        return run
    return ".".join("{number}" if label.isdigit() else _label(label) for label in run.split("."))


def _label(run: str) -> str:
    if run.isdigit():
        return run if _STATUS.fullmatch(run) else "{number}"
    if not _DIGIT.search(run):
        return "{id}" if len(run) >= 12 and _looks_random(run) else run
    if _NAMED.fullmatch(run):
        return run
    if _STATUS.match(run) and run[3:4] in "-_":  # 550-User unknown
        return run[:4] + _label(run[4:])
    if _AMOUNT.fullmatch(run):  # 25MB, 30min
        return "{number}" + run.lstrip("0123456789.")
    return "{id}" if len(run) >= 8 or sum(map(str.isdigit, run)) >= 4 else run


def _looks_random(run: str) -> bool:
    """More capitals inside than CamelCase has."""
    rises = sum(left.islower() and right.isupper() for left, right in pairwise(run))
    return rises * 5 >= len(run)


def _blanked_link(link: str) -> str:
    """The host and path of a link stay, for they are the same in every such reply; what varies is blanked."""
    host, mark, rest = link.partition("/")
    rest = _LINK_IP.sub("{ip}", rest)
    rest = _LINK_ADDRESS.sub("{address}", rest)
    return host + mark + _LINK_VALUE.sub(_link_part, rest)


def _link_part(found: re.Match[str]) -> str:
    part = found[0]
    return part if len(part) <= 8 and not part.isdigit() else "{id}"


_ACCENTS = re.compile("[\u0300-\u036f]+")
_SIMPLER = {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "’": "'", "‘": "'", "‐": "-"}


def _without_accents(text: str) -> str:
    """Letters without the marks on them; the sound marks of Japanese are part of the letter and stay."""
    for letter, simpler in _SIMPLER.items():
        text = text.replace(letter, simpler)
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", apart))
