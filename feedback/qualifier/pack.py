"""Rule files read into a pack: all rules in the order in which they are asked. Every fault of every file is named at once."""

import hashlib
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from feedback.qualifier.meaning import MEANINGS
from feedback.qualifier.phrase import BadPhrase, Phrase, compiled
from feedback.qualifier.rule import LAYERS, Rule, Sample, statuses_of
from mta.attempt import Phase


@dataclass(frozen=True, slots=True)
class Pack:
    """Rules in order. `version` names their content: the same files give the same version everywhere."""

    rules: tuple[Rule, ...]
    version: str


class BadPack(ValueError):
    """Rule files that cannot be used; `faults` names each fault with file, rule and key."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class SampleEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reply: str
    phase: Phase | None = None
    mx: str | None = None
    domain: str | None = None


class RuleEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    means: str
    evidence: str
    phase: list[Phase] = []
    reply: list[str | int] = []
    enhanced: list[str] = []
    mx: list[str] = []
    domain: list[str] = []
    words: list[str] = []
    unless: list[str] = []
    to_qualify: bool = False
    samples: list[str | SampleEntry] = []
    not_samples: list[str | SampleEntry] = []


def parse(files: Mapping[str, str]) -> Pack:
    """The pack of these files (name to TOML text), taken layer by layer and within a layer in the order given.

    Raises:
        BadPack: with every fault found.
    """
    faults: list[str] = []
    documents = {
        name: document for name, text in files.items() if (document := _document(name, text, faults)) is not None
    }
    named = [(name, key, words) for name, document in documents.items() for key, words in _lists(document)]
    lists = {key: words for _, key, words in named}
    faults += _twice("list", [(name, key) for name, key, _ in named])
    read = [(name, rule) for name, document in documents.items() for rule in _rules(name, document, lists, faults)]
    rules = [rule for _, rule in read]
    faults += _twice("rule", [(name, rule.id) for name, rule in read])
    if faults:
        raise BadPack(faults)
    return Pack(
        rules=tuple(sorted(rules, key=lambda rule: LAYERS.index(rule.layer))),
        version=hashlib.sha256("\0".join(files.values()).encode()).hexdigest()[:8],
    )


def _document(name: str, text: str, faults: list[str]) -> dict[str, object] | None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        faults.append(f"{name}: {fault}")
        return None
    faults += [f"{name}: unknown key {key!r}" for key in document.keys() - {"layer", "list", "rule"}]
    if document.setdefault("layer", "operator") not in LAYERS:
        faults.append(f"{name}: layer: {document['layer']!r} is none of {', '.join(LAYERS)}")
        return None
    return document


def _lists(document: dict[str, object]) -> Iterable[tuple[str, str]]:
    lists = document.get("list", {})
    if isinstance(lists, dict):
        yield from ((str(key), "|".join(map(str, words))) for key, words in lists.items() if isinstance(words, list))


def _rules(name: str, document: dict[str, object], lists: Mapping[str, str], faults: list[str]) -> Iterable[Rule]:
    entries = document.get("rule", [])
    if not isinstance(entries, list):
        faults.append(f"{name}: rule: write [[rule]]")
        return
    for place, entry in enumerate(entries, 1):
        label = entry.get("id", f"rule {place}") if isinstance(entry, dict) else f"rule {place}"
        try:
            read = msgspec.convert(entry, RuleEntry)
        except msgspec.ValidationError as fault:
            faults.append(f"{name}: {label}: {fault}")
            continue
        found = _Reader(f"{name}: {label}", lists).rule(read, str(document["layer"]))
        faults += found.faults
        if found.rule:
            yield found.rule


@dataclass(frozen=True, slots=True)
class _Read:
    rule: Rule | None
    faults: list[str]


class _Reader:
    """Reads one entry, gathering its faults."""

    def __init__(self, label: str, lists: Mapping[str, str]) -> None:
        self._label = label
        self._lists = lists
        self._faults: list[str] = []

    def rule(self, entry: RuleEntry, layer: str) -> _Read:
        if entry.means not in MEANINGS:
            self._fault("means", f"{entry.means!r} is none of {', '.join(MEANINGS)}")
        if not entry.samples:
            self._fault("samples", "a rule needs at least one reply that it must match")
        if not (entry.words or entry.enhanced or entry.reply or entry.phase or entry.mx or entry.domain):
            self._fault("words", "a rule without conditions would match everything")
        rule = Rule(
            id=entry.id,
            layer=layer,
            means=entry.means,
            evidence=entry.evidence,
            phases=frozenset(entry.phase),
            codes=frozenset(code for written in entry.reply for code in self._codes(written)),
            statuses=frozenset(status for written in entry.enhanced for status in self._statuses(written)),
            receivers=frozenset([*entry.mx, *(f"@{glob}" for glob in entry.domain)]),
            phrases=self._phrases("words", entry.words),
            unless=self._phrases("unless", entry.unless),
            to_qualify=entry.to_qualify,
            samples=tuple(_sample(written, entry) for written in entry.samples),
            not_samples=tuple(_sample(written, entry) for written in entry.not_samples),
        )
        return _Read(None if self._faults else rule, self._faults)

    def _fault(self, key: str, text: str) -> None:
        self._faults.append(f"{self._label}: {key}: {text}")

    def _codes(self, written: str | int) -> list[int | str]:
        if written in ("4yz", "5yz"):
            return [written]
        if isinstance(written, int) and 400 <= written < 600:
            return [written]
        self._fault("reply", f"{written!r} is neither a number from 400 to 599 nor '4yz' or '5yz'")
        return []

    def _statuses(self, written: str) -> frozenset[str]:
        found = statuses_of(written)
        if found is None:
            self._fault("enhanced", f"{written!r} is not like '5.1.1', 'x.1.1', '5.7.606-649' or 'x.7.*'")
        return found or frozenset()

    def _phrases(self, key: str, written: list[str]) -> tuple[Phrase, ...]:
        phrases = []
        for source in written:
            try:
                phrases.append(compiled(source, self._lists))
            except BadPhrase as fault:
                self._fault(key, f"{source!r}: {fault}")
        return tuple(phrases)


def _sample(written: str | SampleEntry, entry: RuleEntry) -> Sample:
    """A sample; what it leaves out of its circumstances is what its rule is for."""
    given = SampleEntry(written) if isinstance(written, str) else written
    return Sample(
        reply=given.reply,
        phase=given.phase or (entry.phase[0] if entry.phase else Phase.RCPT),
        mx=given.mx or (entry.mx[0].replace("*", "mx1") if entry.mx else None),
        domain=given.domain or (entry.domain[0].replace("*", "example") if entry.domain else None),
    )


def _twice(what: str, names: list[tuple[str, str]]) -> list[str]:
    """Faults for names given to two things of a kind: the one would stand for the other without a word."""
    files = defaultdict[str, list[str]](list)
    for file, name in names:
        files[name].append(file)
    return [
        f"{places[0]}: {name}: {' and '.join(places[1:])} has a {what} of this name; give yours another"
        for name, places in files.items()
        if len(places) > 1
    ]
